"""On how many threads to compute beside other work: two threads that share a core with another process wait for it."""
import os
import time
from pathlib import Path

import torch

__all__ = ['use_free_cores']

STAT = Path('/proc/stat')  # Linux: its first line is what all cores together spent, user, nice, system, idle, ...
SECONDS = .5


def use_free_cores() -> None:
    """Let torch compute on as many threads as cores are free now, one at least.

    ``OMP_NUM_THREADS`` in the environment, and a system that does not tell, leave torch what it has.
    """
    if 'OMP_NUM_THREADS' in os.environ or not STAT.is_file():
        return
    before = STAT.read_text()
    time.sleep(SECONDS)
    torch.set_num_threads(min(torch.get_num_threads(), max(1, round(idle_cores(before, STAT.read_text())))))


def idle_cores(before: str, after: str) -> float:
    """Return how many cores were idle between two readings of ``/proc/stat``."""
    earlier, later = ([int(number) for number in text.split('\n', 1)[0].split()[1:]] for text in (before, after))
    spent = [b - a for a, b in zip(earlier, later)]
    cores = sum(line.startswith('cpu') for line in after.splitlines()) - 1  # a line each, after the first
    return cores * spent[3] / max(1, sum(spent[:8]))  # what follows is counted twice
