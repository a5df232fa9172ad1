"""Kill training runs at random moments, resume them, and compare their weights with those of a run never killed.

Exit code 1 if any value of the last checkpoint (weights, averaged weights, optimizer, schedule, random generators)
differs in any bit.
"""
import argparse

from command_line import run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--runs', type=int, default=20, help='runs that are killed (%(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the random moments (%(default)s)')
    return parser.parse_args()


def main() -> None:
    run_command('kill_test', parse_args())


if __name__ == '__main__':
    run_tool(main)
