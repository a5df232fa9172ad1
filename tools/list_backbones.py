"""Print every backbone as a row of a Markdown table: parameters, GFLOPs, channels and strides of its outputs."""
import argparse
from pathlib import Path

from command_line import run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', type=int, nargs=2, default=(800, 1216), metavar=('HEIGHT', 'WIDTH'),
                        help='image size that the GFLOPs (multiply-adds) are for')
    parser.add_argument('--names', nargs='+', help='backbones to print; all by default')
    parser.add_argument('--docs', type=Path, metavar='FILE.md',
                        help='write the table of all there, between its marks, as docs/backbones.md has it')
    return parser.parse_args()


def main() -> None:
    run_command('list_backbones', parse_args())


if __name__ == '__main__':
    run_tool(main)
