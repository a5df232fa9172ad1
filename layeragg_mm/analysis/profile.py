"""What networks' inference spends its time on."""
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from .benchmark import WARM_UP, Entrant
from .workload import Setting, Workload

__all__ = ['operator_times']

ROUNDS = 10


def operator_times(entrants: Sequence[Entrant],
                   setting: Setting,
                   *,
                   track: Callable[[Sequence, str], Iterable] = lambda steps, description: steps) -> list[Counter[str]]:
    """Return the seconds of one inference by torch's operator, for each network; of the fused network if there is one.

    The networks take turns, so that none finds its own weights in the cache. An operator's time is without that of the
    operators that it calls; on a GPU it is the GPU's.
    """
    for entrant in entrants:
        entrant.model.eval()  # a statement of its own: MMDetection's ResNet returns nothing here
    workloads = [entrant.fuse(setting) if entrant.fused else entrant.compile(Workload(entrant.model, setting))
                 for entrant in entrants]
    times = [Counter() for _ in entrants]
    gpu = setting.device.type == 'cuda'
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    for turn in track(range(WARM_UP + ROUNDS), 'profiling'):
        for entrant, workload, operators in zip(entrants, workloads, times):
            with entrant.forms(), profile(activities=activities) as record:
                workload.predict()
                setting.synchronize()
            for event in record.key_averages() if turn >= WARM_UP else ():
                if event.device_type == DeviceType.CPU:  # a GPU's kernels stand there once more by themselves
                    time = event.self_device_time_total if gpu else event.self_cpu_time_total
                    operators[event.key] += time * 1e-6 / ROUNDS
    return times
