"""What tools/reproduce.py does."""
import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table

from ..checkpoints import plain_checkpoints
from ..engine import check_checkpoint, check_config, check_testing
from ..engine.config import read_config
from ..errors import InputError
from ..published import TOLERANCE, PublishedDetector, find_checkpoints, find_detector, how_to_get, verdicts
from ..published_tables import markdown

__all__ = ['run']

HEADER = ['metric', 'measured', 'published', 'difference', f'verdict (within {TOLERANCE})']


def prepare(detector: PublishedDetector, checkpoint: str, args: argparse.Namespace) -> Config:
    """Return the config of an evaluation; what would fail later is said here."""
    cfg = read_config(str(detector.config), args.data_root, args.cfg_options)
    cfg.work_dir = str(args.work_dir / detector.name)
    cfg.load_from = checkpoint
    check_checkpoint(checkpoint, 'CHECKPOINT')
    check_testing(cfg, check_config(cfg, 'test'))
    return cfg


def evaluate(pairs: list[tuple[PublishedDetector, Path]], args: argparse.Namespace) -> None:
    """Print the verdict on each checkpoint, all of them checked before; with --all, write them as a table too."""
    configs = [prepare(detector, str(checkpoint), args) for detector, checkpoint in pairs]
    console, report = Console(), []
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


def run(args: argparse.Namespace) -> None:
    if (args.name is None) == (args.all is None) or (args.all and args.checkpoint):
        raise InputError('give either NAME, with or without --checkpoint FILE, or --all FOLDER', 'See --help.')
    if args.name and not args.checkpoint:
        print(how_to_get(find_detector(args.name)))
        return
    with plain_checkpoints():
        evaluate(find_checkpoints(args.all) if args.all else [(find_detector(args.name), Path(args.checkpoint))], args)
