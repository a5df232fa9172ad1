"""What a network's inference spends its time on."""
from torch.profiler import ProfilerActivity, profile

from ..fusion import fuse
from .benchmark import WARM_UP, Entrant
from .workload import Setting, Workload

__all__ = ['operator_times']

REPETITIONS = 10


def operator_times(entrant: Entrant, setting: Setting) -> dict[str, float]:
    """Return the seconds of one inference, of the fused network if there is one, for each of torch's operators.

    An operator's time is its own, without those that it calls; on a GPU it is the GPU's.
    """
    entrant.model.eval()
    workload = Workload(fuse(entrant.model) if entrant.fused else entrant.model, setting)
    for _ in range(WARM_UP):
        workload.predict()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if setting.device.type == 'cuda' else [])]
    with profile(activities=activities) as record:
        for _ in range(REPETITIONS):
            workload.predict()
        setting.synchronize()
    time = 'self_cpu_time_total' if setting.device.type == 'cpu' else 'self_device_time_total'
    return {event.key: getattr(event, time) * 1e-6 / REPETITIONS for event in record.key_averages()}
