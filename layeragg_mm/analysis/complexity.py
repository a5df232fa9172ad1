"""Costs that are counted, not timed: the same on every machine."""
import copy
from collections.abc import Callable, Sequence
from functools import partial

import torch
from mmdet.models.detectors import BaseDetector
from mmengine.analysis import get_model_complexity_info
from torch import Tensor, nn

from ..layers.forms import fast_forms

__all__ = ['complexity', 'kept_activations']


def complexity(model: nn.Module, size: Sequence[int], data_samples: list | None = None) -> tuple[int, int]:
    """Return the parameters of ``model`` and its multiply-adds for one image of ``size`` (height, width) in pixels.

    Counted is the published form, whatever fast form computes the same. Of a detector, ``data_samples`` holds one
    image's; what follows the heads (NMS, ...) is not counted.
    """
    model = copy.deepcopy(model)
    model.eval()
    if isinstance(model, BaseDetector):
        model.forward = partial(model.forward, data_samples=data_samples)
    with fast_forms(False):
        cost = get_model_complexity_info(model, (3, *size), show_table=False, show_arch=False)
    return cost['params'], cost['flops']


def kept_activations(forward: Callable[[], object]) -> int:
    """Return the bytes that autograd keeps for the backward pass of ``forward()``.

    Each storage counts once, in full, however many operators keep it; kept weights and the kept input count too.
    """
    kept = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage  # held, so that no address is given out twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        forward()
    return sum(storage.nbytes() for storage in kept.values())
