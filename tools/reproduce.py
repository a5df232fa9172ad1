"""Compare a checkpoint's AP on COCO val2017 with the published one.

python tools/reproduce.py NAME                                          which file to get, and from where
python tools/reproduce.py NAME --checkpoint FILE --data-root /data/coco
python tools/reproduce.py --all FOLDER --data-root /data/coco           every checkpoint of a folder, as a table
"""
import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner
from rich.table import Table

import layeragg_mm  # noqa: F401  (registers)
from layeragg_mm.checkpoints import plain_checkpoints
from layeragg_mm.engine import check_testing
from layeragg_mm.engine.config import add_override_arguments, read_config
from layeragg_mm.errors import InputError, run_tool
from layeragg_mm.names import plain_console
from layeragg_mm.published import TOLERANCE, PublishedDetector, find_checkpoints, find_detector, how_to_get, verdicts
from layeragg_mm.published_tables import markdown

HEADER = ['metric', 'measured', 'published', 'difference', f'verdict (within {TOLERANCE})']


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', nargs='?', help='name of a config, e.g. faster_rcnn_rla_r50')
    parser.add_argument('--checkpoint', help='released or trained checkpoint of the detector NAME')
    parser.add_argument('--all', metavar='FOLDER', help='checkpoints, named as released or as their config')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/reproduce'),
                        help='folder for logs and the table of --all (%(default)s)')
    add_override_arguments(parser)
    args = parser.parse_args()
    if (args.name is None) == (args.all is None) or (args.all and args.checkpoint):
        raise InputError('give either NAME, with or without --checkpoint FILE, or --all FOLDER', 'See --help.')
    return args


def prepare(detector: PublishedDetector, checkpoint: str, args: argparse.Namespace) -> Config:
    """Return the config of an evaluation; what would fail later is said here."""
    cfg = read_config(str(detector.config), args.data_root, args.cfg_options)
    cfg.work_dir = str(args.work_dir / detector.name)
    cfg.load_from = checkpoint
    check_testing(cfg)
    return cfg


def evaluate(pairs: list[tuple[PublishedDetector, Path]], args: argparse.Namespace) -> None:
    """Print the verdict on each checkpoint, all of them checked before; with --all, write them as a table too."""
    configs = [prepare(detector, str(checkpoint), args) for detector, checkpoint in pairs]
    console, report = plain_console(), []
    for (detector, checkpoint), cfg in zip(pairs, configs):
        rows = verdicts(detector, Runner.from_cfg(cfg).test())
        table = Table(*HEADER, title=f'{detector.name}, {checkpoint.name}, COCO val2017, per cent', title_style='')
        for row in rows:
            table.add_row(*row)
        console.print(table)
        if args.all:
            report += [[detector.name, checkpoint.name, *row] for row in rows]
            file = args.work_dir / 'reproduction.md'
            file.write_text(markdown(['config', 'checkpoint', *HEADER], report) + '\n')
            console.print(f'wrote {file}', soft_wrap=True)


def main() -> None:
    args = parse_args()
    if args.name and not args.checkpoint:
        print(how_to_get(find_detector(args.name)))
        return
    with plain_checkpoints():
        evaluate(find_checkpoints(args.all) if args.all else [(find_detector(args.name), Path(args.checkpoint))], args)


if __name__ == '__main__':
    run_tool(main)
