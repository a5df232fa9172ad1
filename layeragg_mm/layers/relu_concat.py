"""A concatenation whose first map passes a ReLU, kept once for the backward pass."""
import torch
from torch import Tensor

from .operators import is_exported

__all__ = ['relu_concat']


def relu_concat(x: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``concat(relu(x), *others)`` along the channels, and ``relu(x)``.

    A ReLU keeps its result to know where it was positive. Where nothing else reads that map, the concatenation, which
    the next convolution keeps, has all that is needed; torch.compile would keep a mask, and write it slowly.

    Args:
        x: maps (N, C, H, W).
        others: maps (N, C_i, H, W).
    """
    if x.requires_grad and torch.is_grad_enabled() and not is_exported():
        return _ReLUConcat.apply(x, *others)
    return _relu_concat(x, others)


def _relu_concat(x: Tensor, others: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    x = x.relu()
    return torch.cat([x, *others], 1), x


class _ReLUConcat(torch.autograd.Function):
    """Where the ReLU was positive, its gradient asks the concatenation."""

    @staticmethod
    def forward(ctx, x: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        out, x = _relu_concat(x, others)
        ctx.save_for_backward(out)
        ctx.set_materialize_grads(False)
        ctx.channels = [x.shape[1], *(other.shape[1] for other in others)]
        return out, x

    @staticmethod
    def backward(ctx, grad: Tensor | None, to_relu: Tensor | None) -> tuple[Tensor | None, ...]:
        out, = ctx.saved_tensors
        to_x, *to_others = [None] * len(ctx.channels) if grad is None else grad.split(ctx.channels, 1)
        if to_relu is not None:
            to_x = to_relu if to_x is None else to_x + to_relu
        if to_x is not None:
            to_x = torch.ops.aten.threshold_backward(to_x, out[:, :ctx.channels[0]], 0)
        return to_x, *to_others
