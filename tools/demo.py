"""The demo: make DigitScenes, train Mask R-CNN with an MRLA-ResNet-50 on it from scratch, score it, draw pictures."""
import argparse
from pathlib import Path

from command_line import run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'), help='where everything is written')
    parser.add_argument('--iters', type=int, help='training iterations, in place of the config\'s')
    return parser.parse_args()


def main() -> None:
    run_command('demo', parse_args())


if __name__ == '__main__':
    run_tool(main)
