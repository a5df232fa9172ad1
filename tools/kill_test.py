"""Kill training runs at random moments, resume them, and compare their weights with those of a run never killed.

Exit code 1 if any value of the last checkpoint (weights, averaged weights, optimizer, schedule, random generators)
differs in any bit.
"""
import argparse
import sys
from tempfile import TemporaryDirectory

from rich.progress import track
from rich.table import Table

import layeragg_mm
from layeragg_mm.datasets import make_digit_scenes
from layeragg_mm.engine.kill_test import kill_runs
from layeragg_mm.errors import run_tool
from layeragg_mm.names import plain_console

CONFIG = layeragg_mm.config('fcos_mrla_tiny_digits')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--runs', type=int, default=20, help='runs that are killed (%(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the random moments (%(default)s)')
    args = parser.parse_args()
    table = Table('run', 'killed in', 'iteration', 'moment', 'half-written', 'resumed from', 'ends with', box=None)
    right = 0
    with TemporaryDirectory() as folder:
        make_digit_scenes(f'{folder}/digits', train=8, val=4, size=64)
        kills = kill_runs(CONFIG, f'{folder}/digits', folder, args.runs, args.seed)
        for run, kill in enumerate(track(kills, 'killing and resuming', total=args.runs), 1):
            right += not kill.differing
            table.add_row(
                str(run), kill.phase, str(kill.iteration), f'{kill.moment:.0%}', kill.left or '',
                kill.resumed_from or 'the start',
                f'{len(kill.differing)} other values, e.g. {kill.differing[0]}' if kill.differing else 'the same bits')
    plain_console().print(table)
    print(f'{right} of {args.runs} killed and resumed runs end with the values of the run that was never killed')
    sys.exit(right < args.runs)


if __name__ == '__main__':
    run_tool(main)
