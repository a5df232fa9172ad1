"""Write the tables of published numbers in README.md and docs/detection.md anew from configs/metafiles."""
import argparse

from command_line import run_command, run_tool


def parse_args() -> argparse.Namespace:
    return argparse.ArgumentParser(description=__doc__).parse_args()


def main() -> None:
    run_command('update_tables', parse_args())


if __name__ == '__main__':
    run_tool(main)
