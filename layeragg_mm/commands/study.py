"""What tools/study.py does."""
import argparse
import json
import signal
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track

from ..engine.signals import answer_signal
from ..errors import InputError, RunError
from ..study import (
    Plan,
    Study,
    insert_report,
    load_study,
    measure_costs,
    repetitions,
    report,
    run_cells,
    save_figures,
    summarize,
)

__all__ = ['run']


def check_cell(study: Study, arm: str, seed: str) -> None:
    if arm not in study.arms or seed not in map(str, study.seeds):
        raise InputError(f'--repeat {arm} {seed}: {study.path} has no such cell',
                         f'Arms: {", ".join(study.arms)}; seeds: {", ".join(map(str, study.seeds))}.')


def repeat(plan: Plan, arm: str, seed: str, console: Console) -> None:
    """Run one cell again, and say whether it came out as before."""
    if plan.cell(arm, int(seed)).result() is None:
        raise InputError(f'--repeat {arm} {seed}: it was not run before', 'Run the study first.')
    failures = run_cells(plan, [plan.repetition(arm, int(seed))], 1, console)
    if failures:
        raise RunError(*next(iter(failures.items())))
    entry = next(entry for entry in repetitions(plan) if (entry['arm'], entry['seed']) == (arm, int(seed)))
    for iou_type, (first, second) in entry['ap'].items():
        console.print(f'{iou_type} AP: first {first:.6f}, again {second:.6f}', highlight=False)
    console.print('all numbers are identical' if entry['difference'] == 0
                  else f'the numbers differ by up to {entry["difference"]:.6f}', highlight=False)


def write_report(plan: Plan, failures: dict[str, str], docs: Path | None, console: Console) -> None:
    """Write report.md, report.json and the pictures to the work dir, and the report into a document."""
    costs = measure_costs(plan, lambda steps, text: track(steps, f'costs: {text}', console=console, transient=True))
    summary = summarize(plan, costs, failures)
    command = f'python tools/study.py {plan.study.path.as_posix()}' + (' --data-root DIR' if plan.data_root else '')
    written = plan.work_dir / 'report.json'
    written.write_text(json.dumps(summary, indent=1) + '\n')
    pictures = {name: path.name for name, path in save_figures(summary, plan.work_dir).items()}
    (plan.work_dir / 'report.md').write_text(report(summary, pictures, command))
    if docs is not None:
        folder = docs.with_suffix('')
        folder.mkdir(parents=True, exist_ok=True)
        name = plan.study.path.stem
        files = save_figures(summary, folder, f'{name}_')
        pictures = {key: f'{folder.name}/{path.name}' for key, path in files.items()}
        insert_report(docs, name, report(summary, pictures, command, heading='##'))
    for path in (written, plan.work_dir / 'report.md', *filter(None, [docs])):
        console.print(f'wrote {path}', soft_wrap=True)


def run(args: argparse.Namespace) -> None:
    if args.jobs < 1:
        raise InputError(f'--jobs {args.jobs} is not available', 'Give 1 or more.')
    study = load_study(args.study)
    if args.repeat:
        check_cell(study, *args.repeat)
    plan = Plan(study, args.work_dir or Path('work_dirs/study', study.path.stem), args.data_root)
    console, failures = Console(), {}
    plan.check_unchanged()
    if not args.report:
        plan.make_data(lambda scenes: track(list(scenes), 'making DigitScenes', console=console))
        plan.check()
    answer_signal(signal.SIGTERM, signal.default_int_handler)  # what ends this process lets trainings save their state
    try:
        if args.repeat:
            repeat(plan, *args.repeat, console)
            return
        if not args.report:
            failures = run_cells(plan, plan.cells, args.jobs, console)
    except KeyboardInterrupt:
        print('\nInterrupted; the same command goes on from here', file=sys.stderr)
        sys.exit(130)
    if all(cell.result() is None for cell in plan.cells):
        raise RunError('no cell is done: there is nothing to report', next(iter(failures.values()), 'Run the study.'))
    write_report(plan, failures, args.docs, console)
    if failures:
        raise RunError(f'{len(failures)} cells failed: {"; ".join(failures)}', 'The report says why. The same command '
                       'tries them again.')
