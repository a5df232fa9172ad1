"""Measure on a GPU what layer aggregation costs there, and write one report with pictures.

    python tools/gpu_report.py --out gpu_report
    python tools/gpu_report.py --out gpu_report --dry-run      # without a GPU: does all of it work?

Parity of every fast form, training step and inference of backbones and whole detectors, memory, and the goals; what is
most worth knowing comes first, and what the time did not suffice for is listed. DIR gets report.md, report.json and the
pictures.
"""
import argparse
from pathlib import Path

from command_line import run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder for the report')
    parser.add_argument('--minutes', type=float, default=20, help='that all of it may take (%(default)s)')
    parser.add_argument('--dry-run', action='store_true',
                        help='the same at tiny sizes on the CPU; its numbers mean nothing')
    return parser.parse_args()


def main() -> None:
    run_command('gpu_report', parse_args())


if __name__ == '__main__':
    run_tool(main)
