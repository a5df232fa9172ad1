"""Answers to signals, given by the process that a user started and by no process that it forks."""
import os
import signal
from collections.abc import Callable

__all__ = ['answer_signal', 'leave_signal']

# What answered each signal before us.
_before = {}


def answer_signal(number: int, answer: Callable) -> None:
    """Let ``answer(number, frame)`` be called when the signal comes to this process.

    A process that is forked from it, by whoever, has the answer of before: with ours, a pool's worker would outlive
    ``Pool.terminate``, which then waits for ever.
    """
    before = signal.signal(number, answer)
    _before.setdefault(number, signal.SIG_DFL if before is None else before)


def leave_signal(number: int) -> None:
    """Let the signal be answered as it was before :func:`answer_signal`."""
    if number in _before:
        signal.signal(number, _before.pop(number))


def _leave_all() -> None:
    for number in list(_before):
        leave_signal(number)


os.register_at_fork(after_in_child=_leave_all)
