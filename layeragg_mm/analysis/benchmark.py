"""Time and memory of several networks as ratios to one of them, all measured in turns in one run."""
import ctypes
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from ..fast import FORMS, fast_forms
from ..fusion import fuse
from .complexity import complexity, kept_activations
from .graphs import make_graphs
from .workload import Setting, Workload

__all__ = ['Cost', 'Entrant', 'compare']

KINDS = ('training step', 'inference', 'fused inference')  # what is timed
WARM_UP = 2  # rounds that do not count
GRAPHS = 4  # of a compiled network: training, inference, and both for batches of any size


@dataclass
class Cost:
    """What one network was measured to cost.

    Args:
        name: of the network.
        parameters: their number.
        flops: multiply-adds for one image.
        activations: bytes kept for the backward pass of a batch.
        peak_memory: bytes that a training step takes at its peak beyond the parameters; None where the device does not
            tell (CPU).
        seconds: for each of ``KINDS`` the times, one a round.
        largest_batch: images of the largest batch that a training step has memory for, if it was sought.
    """

    name: str
    parameters: int
    flops: int
    activations: int
    peak_memory: int | None
    seconds: dict[str, list[float]] = field(default_factory=dict)
    largest_batch: int | None = None

    def relative(self, baseline: 'Cost') -> dict[str, tuple[float, float, float]]:
        """Return each cost over the baseline's as (median, lower quartile, upper quartile) of the rounds' ratios.

        Fused inference is relative to the baseline's plain inference.
        """
        ratios = {}
        for kind, seconds in self.seconds.items():
            reference = baseline.seconds['inference' if kind == 'fused inference' else kind]
            ratios[kind] = tuple(np.quantile(np.divide(seconds, reference), (.5, .25, .75)).tolist())
        ratios['activations'] = (self.activations / baseline.activations,) * 3
        if self.peak_memory is not None:
            ratios['peak memory'] = (self.peak_memory / baseline.peak_memory,) * 3
        return ratios


@dataclass
class Entrant:
    """A network that takes part.

    Args:
        name: what it is called in the results.
        model: the network.
        fused: time its inference after :func:`layeragg_mm.fuse` too.
        compiled: run it, or a detector's backbone, through torch.compile, fused or not; a text names the backend.
        without: names of the fast forms that are left out, the others being on, wherever the network is: all of them
            for the literal network, none for every form; by default (None) it is as on its device by default.
        graphs: run it, or a detector's backbone, from CUDA graphs, on a GPU (:func:`make_graphs`).
    """

    name: str
    model: nn.Module
    fused: bool = False
    compiled: bool | str = False
    without: Collection[str] | None = None
    graphs: bool = False

    def forms(self) -> AbstractContextManager:
        """Return the context that this network's work is done in."""
        if self.without is None:
            return nullcontext()
        others = [name for name in FORMS if name not in self.without]
        return fast_forms(*others) if others else fast_forms(False)

    def fuse(self, setting: Setting) -> Workload:
        """Return the work of the fused network, which is another one; the network must be in evaluation mode."""
        return self.compile(Workload(fuse(self.model), setting))

    def compile(self, workload: Workload) -> Workload:
        """Return ``workload``, compiled if the entrant is.

        Networks share the code of their forward, and of one code torch.compile makes eight graphs by default; what
        comes then it runs eagerly, and only logs that. So each network that is compiled raises this limit, for good.
        """
        if self.compiled:
            torch._dynamo.config.recompile_limit += GRAPHS
            backend = {} if self.compiled is True else dict(backend=self.compiled)
            getattr(workload.model, 'backbone', workload.model).compile(**backend)
        return workload


def compare(entrants: Sequence[Entrant],
            setting: Setting,
            *,
            rounds: int = 15,
            largest_batch: bool = False,
            track: Callable[[Sequence, str], Iterable] = lambda steps, description: steps) -> list[Cost]:
    """Measure what networks cost, in turns, so that whatever else the machine does falls on all of them alike.

    In each round every network takes a training step, then every network predicts, then every fused one; who begins
    changes from round to round. From here on the process keeps memory that is freed; where networks are compiled, it
    forgets what it compiled before.

    Args:
        entrants: the networks; in the order of the results.
        setting: what they run on.
        rounds: how often each is timed; two more before do not count.
        largest_batch: seek the largest batch that a GPU's memory can train on, too.
        track: wraps the steps, ``track(steps, description)``, to show progress.
    """
    _keep_freed_memory()
    if any(entrant.compiled for entrant in entrants):
        torch.compiler.reset()  # after images of another size it would compile for sizes that vary
    workloads = [Workload(entrant.model, setting) for entrant in entrants]
    for entrant in entrants:
        entrant.model.eval()  # a statement of its own: MMDetection's ResNet returns nothing here
    fused = [entrant.fuse(setting) if entrant.fused else None for entrant in entrants]
    costs = [_count(entrant, workload) for entrant, workload in track(list(zip(entrants, workloads)), 'counting')]
    _replace_by_graphs(entrants, workloads, costs)
    steps = [(index, kind) for first in range(WARM_UP + rounds) for kind in KINDS
             for index in np.roll(range(len(entrants)), -first).tolist() if kind != 'fused inference' or fused[index]]
    for index, kind in track(steps, 'timing'):
        workload = fused[index] if kind == 'fused inference' else workloads[index]
        training = kind == 'training step'
        workload.model.train(training)
        action = workload.training_step if training else workload.predict
        with entrants[index].forms():
            setting.synchronize()
            start = time.perf_counter()
            action()
            setting.synchronize()
            costs[index].seconds.setdefault(kind, []).append(time.perf_counter() - start)
        workload.forget_gradients()
    for cost in costs:
        cost.seconds = {kind: seconds[WARM_UP:] for kind, seconds in cost.seconds.items()}
    if largest_batch:
        for entrant, cost, workload in track(list(zip(entrants, costs, workloads)), 'seeking the largest batch'):
            with entrant.forms():
                cost.largest_batch = _largest_batch(workload, cost.peak_memory)
    return costs


def _keep_freed_memory() -> None:
    """Have glibc give nothing back to the system: else a step pays for pages, more or less by what ran before it."""
    if sys.platform == 'linux':
        libc, trim_threshold, mmap_max = ctypes.CDLL(None), -1, -4  # as malloc.h numbers them
        if hasattr(libc, 'mallopt'):  # not every Linux has glibc
            libc.mallopt(trim_threshold, 2**31 - 1)
            libc.mallopt(mmap_max, 0)


def _count(entrant: Entrant, workload: Workload) -> Cost:
    parameters, flops = complexity(workload.model, workload.setting.size, workload.samples and workload.samples[:1])
    entrant.compile(workload)
    workload.model.train()
    with entrant.forms():
        return Cost(entrant.name, parameters, flops, kept_activations(workload.forward), _peak_memory(workload))


def _replace_by_graphs(entrants: Sequence[Entrant], workloads: Sequence[Workload], costs: Sequence[Cost]) -> None:
    """Make the graphs of those who take part so; who cannot says so in its name. They keep their memory for good."""
    taking_part = [index for index, entrant in enumerate(entrants) if entrant.graphs]
    pool = torch.cuda.graph_pool_handle() if taking_part else None
    for index in taking_part:
        with entrants[index].forms():
            made = make_graphs(workloads[index], costs[index].name, pool)
        costs[index].peak_memory = None
        if not made:
            costs[index].name += ' (fell back)'


def _peak_memory(workload: Workload) -> int | None:
    device = workload.setting.device
    if device.type != 'cuda':
        return None
    for _ in range(2):  # the first time, cuDNN tries its algorithms
        workload.forget_gradients()
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        workload.training_step()
    workload.forget_gradients()
    return torch.cuda.max_memory_allocated(device) - before


def _largest_batch(workload: Workload, peak_memory: int) -> int:
    """Return the largest batch whose training step fits what memory the GPU has left: guessed from one, then tried."""
    workload.model.train()
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(workload.setting.device)
    batch, fits, too_large = max(1, free * workload.setting.batch // peak_memory), 0, None
    while too_large is None or too_large - fits > 1:
        if _fits(workload, batch):
            fits = batch
        else:
            too_large = batch
        if too_large is None:
            batch = fits + max(1, fits // 16)
        else:
            batch = (fits + too_large) // 2 if fits else too_large - max(1, too_large // 16)
    return fits


def _fits(workload: Workload, batch: int) -> bool:
    try:
        workload.with_batch(batch).training_step()
        return True
    except RuntimeError as error:  # cuDNN and cuBLAS have their own words for it
        if not isinstance(error, torch.cuda.OutOfMemoryError) and 'ALLOC_FAILED' not in str(error):
            raise
        return False
    finally:
        workload.forget_gradients()
        torch.cuda.empty_cache()
