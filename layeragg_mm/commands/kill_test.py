"""What tools/kill_test.py does."""
import argparse
import sys
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import track
from rich.table import Table

import layeragg_mm

from ..datasets import make_digit_scenes
from ..engine.kill_test import kill_runs

__all__ = ['run']

CONFIG = layeragg_mm.config('fcos_mrla_tiny_digits')


def run(args: argparse.Namespace) -> None:
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
    Console().print(table)
    print(f'{right} of {args.runs} killed and resumed runs end with the values of the run that was never killed')
    sys.exit(right < args.runs)
