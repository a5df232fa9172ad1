"""Train the networks of a study with several seeds, test them, and report what is gained.

    python tools/study.py studies/digit_scenes.yaml --jobs 2
    python tools/study.py studies/nuclei.yaml --data-root /data/nuclei --jobs 2
    python tools/study.py studies/digit_scenes.yaml --repeat mrla_r50 0     # one cell again: the same number?

The same command goes on where it was stopped. The report (report.md, report.json, pictures) lies in the work dir.
"""
import argparse
from pathlib import Path

from command_line import run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('study', help='study file')
    parser.add_argument('--work-dir', type=Path, help='folder for everything; default work_dirs/study/NAME')
    parser.add_argument('--data-root', help='folder of the data, in place of the data_root that the configs name')
    parser.add_argument('--jobs', type=int, default=1,
                        help='trainings beside each other, each with one thread on the CPU (%(default)s)')
    parser.add_argument('--report', action='store_true', help='run nothing: report what is done')
    parser.add_argument('--repeat', nargs=2, metavar=('ARM', 'SEED'),
                        help='run this cell again, in a folder of its own, and compare')
    parser.add_argument('--docs', type=Path, metavar='FILE.md',
                        help='also put the report into this document, with its pictures beside it in a folder FILE')
    return parser.parse_args()


def main() -> None:
    run_command('study', parse_args())


if __name__ == '__main__':
    run_tool(main)
