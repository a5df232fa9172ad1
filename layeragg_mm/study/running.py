"""Running the cells of a study beside each other; what was done before is not done again."""
import time
from collections.abc import Sequence
from multiprocessing.connection import wait

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..evaluation.tables import TITLES, points
from .plan import Cell, Plan
from .steps import Step

__all__ = ['run_cells']


def run_cells(plan: Plan, cells: Sequence[Cell], jobs: int, console: Console) -> dict[str, str]:
    """Run all cells that are not done, ``jobs`` at a time, and show progress and the time left.

    A cell that fails does not stop the others. Interrupted (Ctrl-C), trainings write a checkpoint and end; the next
    call goes on from there.

    Returns:
        Of each cell that failed, its name and why.
    """
    waiting = [cell for cell in cells if cell.result() is None]
    steps, failures, total, begin = [], {}, len(waiting), time.monotonic()
    columns = (TextColumn('{task.description}'), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
               TextColumn('left'), TimeRemainingColumn())
    with Progress(*columns, console=console, speed_estimate_period=3600, disable=not total) as progress:
        bar = progress.add_task('', total=total)
        try:
            while waiting or steps:
                for cell in [cell for cell in waiting if _can_start(plan, cell)][:jobs - len(steps)]:
                    waiting.remove(cell)
                    steps.append(Step(plan, cell))
                if not steps:
                    failures |= {cell.name: f'it starts from {plan.source(cell).name}, which failed'
                                 for cell in waiting}
                    break
                wait([step.process.sentinel for step in steps], timeout=1)
                running = len(steps)
                steps = [step for before in steps if (step := _go_on(before, failures, console))]
                done = total - len(waiting) - len(steps)
                completed = done + sum(step.fraction() for step in steps)
                progress.update(bar, completed=completed,
                                description='; '.join([f'{done} of {total} cells', *map(str, steps)]))
                if len(steps) < running:  # said also where the output is no terminal, which shows no bar
                    minutes = (time.monotonic() - begin) / 60
                    console.print(f'{done} of {total} cells in {minutes:.0f} minutes, '
                                  f'about {minutes * (total - completed) / completed:.0f} left', soft_wrap=True)
        except KeyboardInterrupt:
            for step in steps:
                step.process.terminate()
            for step in steps:
                step.process.join()
            raise
    return failures


def _can_start(plan: Plan, cell: Cell) -> bool:
    source = plan.source(cell)
    return source is None or source.result() is not None


def _go_on(step: Step, failures: dict[str, str], console: Console) -> Step | None:
    """Return the step that follows ``step``, or it while it runs; None if its cell is done or has failed."""
    if step.process.is_alive():
        return step
    cell, why = step.cell, step.failure()
    if why is not None:
        failures[cell.name] = why
        console.print(f'{cell.name}: {why}', soft_wrap=True, markup=False)
        return None
    step.finish()
    result = cell.result()
    if result is None:
        return Step(step.plan, cell)
    found = ', '.join(f'{TITLES[iou_type]} AP {points(ap["AP"])}' for iou_type, ap in result['ap'].items())
    console.print(f'{cell.name}: {found}', soft_wrap=True)
    return None
