"""Compare a checkpoint's AP on COCO val2017 with the published one.

python tools/reproduce.py NAME                                          which file to get, and from where
python tools/reproduce.py NAME --checkpoint FILE --data-root /data/coco
python tools/reproduce.py --all FOLDER --data-root /data/coco           every checkpoint of a folder, as a table
"""
import argparse
from pathlib import Path

from command_line import add_override_arguments, run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', nargs='?', help='name of a config, e.g. faster_rcnn_rla_r50')
    parser.add_argument('--checkpoint', help='released or trained checkpoint of the detector NAME')
    parser.add_argument('--all', metavar='FOLDER', help='checkpoints, named as released or as their config')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/reproduce'),
                        help='folder for logs and the table of --all (%(default)s)')
    add_override_arguments(parser)
    return parser.parse_args()


def main() -> None:
    run_command('reproduce', parse_args())


if __name__ == '__main__':
    run_tool(main)
