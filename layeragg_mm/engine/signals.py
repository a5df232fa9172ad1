"""Answers to signals, given by the process that a user started and by no process that it forks."""
import os
import signal
import threading
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


# A signal that came to a forked process before it has the answer of before would be lost: it waits until then.
_fork = threading.local()


def _hold_signals() -> None:
    _fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, list(_before))


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _fork.mask)


def _leave_all() -> None:
    for number in list(_before):
        leave_signal(number)
    _release_signals()


os.register_at_fork(before=_hold_signals, after_in_parent=_release_signals, after_in_child=_leave_all)
