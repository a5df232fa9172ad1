"""How many operators a GPU is told to launch: counted on any machine, with tensors that have shapes and no data."""
import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ['Launches', 'count_launches']

# What launches nothing and is no view: memory alone.
ALLOCATIONS = {'empty', 'empty_like', 'empty_strided', 'new_empty', 'new_empty_strided', '_unsafe_view', 'detach',
               '_reshape_alias'}


class Launches(NamedTuple):
    """Operators of a training step's forward and backward, and of an inference."""
    forward: int
    backward: int
    inference: int


class Counter(TorchDispatchMode):
    """Counts the operators that are run within it, but for views and allocations."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += not func.is_view and func.overloadpacket.__name__ not in ALLOCATIONS
        return func(*args, **(kwargs or {}))


def count_launches(model: nn.Module, size: Sequence[int] = (256, 256), batch: int = 2) -> Launches:
    """Return what a GPU would launch for a backbone, in the forms that run there by default.

    Each of torch's operators counts as one, as most are one kernel; a form's own kernel would be one operator too.

    Args:
        model: the backbone; it is copied.
        size: height and width of the images in pixels.
        batch: images at a time.
    """
    model = copy.deepcopy(model).to('meta')
    images = torch.zeros(batch, 3, *size, device='meta')
    model.train()
    with Counter() as forward:
        outs = model(images)
    gradients = [torch.empty_like(out) for out in outs]
    with Counter() as backward:
        torch.autograd.backward(outs, gradients)
    model.eval()
    with Counter() as inference, torch.no_grad():
        model(images)
    return Launches(forward.count, backward.count, inference.count)
