"""Check the data of a config before training: what is in it, what is ignored and why, and whether the anchors fit."""
import argparse
from pathlib import Path

from command_line import add_reading_arguments, run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_reading_arguments(parser, 'train', 'val')
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder for labelled.png, a sheet of labelled images, '
                        'and report.json; without it, nothing is written')
    parser.add_argument('--num-images', type=int, default=1000, metavar='N',
                        help='images that are read and put through the training pipeline, spread over the data '
                        '(%(default)s); annotation files are always checked whole')
    return parser.parse_args()


def main() -> None:
    run_command('check_dataset', parse_args())


if __name__ == '__main__':
    run_tool(main)
