"""A GPU's report is measured: part after part, in the time that there is."""
import gc
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from ..benchmark import Cost
from ..parity import Parity
from .parts import Findings, Part

__all__ = ['Budget', 'Outcome', 'measure']

MEASURED, NOT_MEASURED, FAILED = 'measured', 'not measured', 'failed'


class OutOfTimeError(Exception):
    """The time is up."""


class Budget:
    """The time that all parts have together.

    Args:
        minutes: how much.
        show: ``show(steps, description)`` shows progress.
    """

    def __init__(self, minutes: float, show: Callable[[Sequence, str], Iterable]) -> None:
        self.end = time.monotonic() + 60 * minutes
        self.show = show

    def track(self, steps: Sequence, description: str) -> Iterator:
        """Yield the steps, while there is time.

        Raises:
            OutOfTimeError: there is none for the next.
        """
        for step in self.show(steps, description):
            self.check()
            yield step

    def check(self) -> None:
        if time.monotonic() > self.end:
            raise OutOfTimeError


@dataclass
class Outcome:
    """What became of one part.

    Args:
        part: which.
        status: 'measured', 'not measured' or 'failed'.
        why: it was not measured, or failed.
        seconds: that it took.
        findings: what was measured.
        traceback: of what failed.
    """

    part: Part
    status: str = NOT_MEASURED
    why: str = 'the time was up before it began'
    seconds: float = 0
    findings: Findings = ()
    traceback: str = ''

    @property
    def failed(self) -> bool:
        """Whether the part did not end well, or a form's parity is not given."""
        return self.status == FAILED or any(isinstance(one, Parity) and not one.passed for one in self.findings)

    def gaps(self) -> Iterator[str]:
        """Yield what of a part that was measured is missing or wrong."""
        for one in self.findings:
            if isinstance(one, Parity) and not one.passed:
                yield f'failed: {one.form} in {one.network}, {one.dtype}'
            if isinstance(one, Cost) and one.name.endswith('(fell back)'):
                yield f'{one.name.removesuffix(" (fell back)")}: no CUDA graph could be recorded, so it ran without'


def measure(part: Part, budget: Budget) -> Outcome:
    """Measure one part. Whatever it raises becomes its outcome, and the memory that it took is given back."""
    start = time.monotonic()
    outcome = Outcome(part)
    try:
        budget.check()
        outcome.findings = part.measure(budget.track)
        outcome.status, outcome.why = MEASURED, ''
    except OutOfTimeError:
        if budget.end > start:
            outcome.why = 'the time was up before it was done'
    except Exception as error:
        outcome.status, outcome.traceback = FAILED, traceback.format_exc()
        outcome.why = f'{type(error).__name__}: {next(iter(str(error).splitlines()), "")}'
    outcome.seconds = time.monotonic() - start
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return outcome
