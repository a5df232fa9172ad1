"""What tools/gpu_report.py does."""
import argparse
import json
import logging
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import mmdet
import torch
from mmengine.logging import MMLogger
from rich.console import Console
from rich.progress import track

from ..analysis.gpu.measuring import Budget, Outcome, measure
from ..analysis.gpu.parts import DRY_RUN, NETWORKS, ON_A_GPU, Scale, plan
from ..analysis.gpu.report import report, report_data
from ..errors import InputError, RunError, check_output
from ..version import __version__
from ..visualization import save_cost_chart

__all__ = ['run']


def find_facts(scale: Scale) -> dict[str, str]:
    """Return what the numbers depend on."""
    gpu = scale.device.type == 'cuda'
    commit = answer('git', 'describe', '--always', '--dirty', '--abbrev=9', '--exclude', '*')
    return {
        'GPU': torch.cuda.get_device_name(scale.device) if gpu else 'no GPU (dry run)',
        'driver': answer('nvidia-smi', '--query-gpu=driver_version', '--format=csv,noheader') or 'not known',
        'CUDA, cuDNN': f'{torch.version.cuda}, {torch.backends.cudnn.version()}' if gpu else 'not used',
        'torch, mmdet': f'{torch.__version__}, {mmdet.__version__}',
        'layeragg-mm': f'{__version__}, commit {commit or "not known"}',
        'command': f'`{shlex.join(["python", "tools/gpu_report.py", *sys.argv[1:]])}`',
        'when': time.strftime('%Y-%m-%d %H:%M'),
    }


def answer(*command: str) -> str:
    """Return the first line that a command prints where this package lies; nothing if it is not there or fails."""
    if shutil.which(command[0]) is None:
        return ''
    result = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    return result.stdout.partition('\n')[0].strip() if result.returncode == 0 else ''


def save_pictures(outcomes: Sequence[Outcome], gpu: str, folder: Path) -> dict[str, str]:
    """Draw the costs of each part, and how they change with the batch; return the files' names."""
    pictures, by_batch = {}, {}
    for outcome in outcomes:
        if outcome.part.kind in ('costs', 'memory') and outcome.findings:
            pictures[outcome.part.name] = name = f'{outcome.part.name}.png'
            costs = outcome.findings
            if outcome.part.kind == 'memory':
                costs = [replace(cost, seconds={}) for cost in costs]
            save_cost_chart({outcome.part.title: costs}, folder / name, title=gpu)
        if outcome.part.name.startswith('batch_') and outcome.findings:
            batch = outcome.part.name.removeprefix('batch_')
            by_batch[int(batch)] = [cost for cost in outcome.findings if cost.name in NETWORKS]
    if len(by_batch) > 1:
        pictures['batches'] = 'batches.png'
        save_cost_chart({f'batch {batch}': by_batch[batch] for batch in sorted(by_batch)}, folder / 'batches.png',
                        title=f'by default, {gpu}')
    return pictures


def write(outcomes: Sequence[Outcome], scale: Scale, facts: dict[str, str], args: argparse.Namespace) -> None:
    pictures = save_pictures(outcomes, facts['GPU'], args.out)
    (args.out / 'report.md').write_text(report(outcomes, scale, facts, pictures, args.minutes))
    (args.out / 'report.json').write_text(json.dumps(report_data(outcomes, scale, facts), indent=1) + '\n')


def run(args: argparse.Namespace) -> None:
    if args.minutes <= 0:
        raise InputError(f'--minutes {args.minutes:g} is not available', 'Give more than 0.')
    if not args.dry_run and not torch.cuda.is_available():
        raise InputError('there is no GPU here that torch can use',
                         'Run this on a machine with one, or give --dry-run.')
    check_output(args.out, [], folder=True)
    args.out.mkdir(parents=True, exist_ok=True)
    MMLogger.get_current_instance().setLevel(logging.ERROR)  # it tells of every operator that is not counted
    scale, console = DRY_RUN if args.dry_run else ON_A_GPU, Console()

    def show(steps: Sequence, description: str) -> Iterable:
        return track(steps, description, console=console, transient=True)

    facts, budget = find_facts(scale), Budget(args.minutes, show)
    outcomes = [Outcome(part) for part in plan(scale)]
    for index, waiting in enumerate(outcomes):
        outcomes[index] = outcome = measure(waiting.part, budget)
        console.print(f'{outcome.part.title}: {outcome.status} ({outcome.seconds:.0f} s) {outcome.why}', markup=False,
                      highlight=False, soft_wrap=True)
        write(outcomes, scale, facts, args)  # now, so that whatever ends this process leaves what is known
    console.print(f'wrote {args.out / "report.md"}, report.json and pictures beside it', soft_wrap=True)
    failed = [outcome.part.title for outcome in outcomes if outcome.failed]
    if failed:
        raise RunError(f'{len(failed)} parts failed: {"; ".join(failed)}', 'The report says why; report.json has the '
                       'tracebacks.')
