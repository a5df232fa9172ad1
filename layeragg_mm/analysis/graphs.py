"""A backbone run from CUDA graphs: all that a GPU has to do is recorded once, and launched as one from then on."""
import logging

import torch

from .workload import Workload

__all__ = ['make_graphs']

LOGGER = logging.getLogger('layeragg_mm')


def make_graphs(workload: Workload, name: str, pool: tuple[int, int]) -> bool:
    """Have the backbone of ``workload`` replay CUDA graphs, one in training mode and one in evaluation mode.

    They hold for the images of the workload's size. What cannot be recorded stays as it is, and one line is logged.

    Args:
        workload: whose network, or whose detector's backbone, gets another ``forward``.
        name: of the network, for the log.
        pool: memory that graphs have together, since each is replayed to its end before another is; from
            ``torch.cuda.graph_pool_handle()``.

    Returns:
        Whether both were made.
    """
    backbone = getattr(workload.model, 'backbone', workload.model)
    equation = backbone.forward
    torch.cuda.empty_cache()  # while a graph is recorded, the allocator gives nothing back
    try:
        with workload.setting.autocast():
            torch.set_autocast_cache_enabled(False)  # cached casts would belong to one of the two graphs
            for training in (True, False):
                backbone.train(training)
                with torch.set_grad_enabled(training):
                    torch.cuda.make_graphed_callables(backbone, (workload.images,), allow_unused_input=True, pool=pool)
    except RuntimeError as error:
        backbone.forward = equation
        LOGGER.warning('%s runs without CUDA graphs: %s', name, str(error).splitlines()[0])
        return False
    return True
