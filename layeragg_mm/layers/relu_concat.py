"""A concatenation whose first map passes a ReLU, kept once for the backward pass."""
import torch
from torch import Tensor

from .recording import is_exported

__all__ = ['relu_concat', 'relu_concat_literal']


def relu_concat(x: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``concat(relu(x), *others)`` along the channels, for a convolution to read, and ``relu(x)``.

    A ReLU keeps its result to know where it was positive. If nothing else keeps that map, the concatenation, which the
    convolution keeps, has all that is needed; torch.compile would keep a mask, and write it slowly.

    Args:
        x: maps (N, C, H, W), which may be written over.
        others: maps (N, C_i, H, W).
    """
    if x.requires_grad and torch.is_grad_enabled() and not is_exported() and _is_read_as_it_is(x, *others):
        return _ReLUConcat.apply(x, *others)
    return relu_concat_literal(x, *others)


def relu_concat_literal(x: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
    """The same, in torch's operators; the ReLU keeps its result beside the concatenation."""
    x = x.relu_()
    return torch.cat([x, *others], 1), x


def _is_read_as_it_is(*maps: Tensor) -> bool:
    """Return whether a convolution reads the concatenation itself: autocast may give it, to keep, a smaller copy."""
    device = maps[0].device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else maps[0].dtype
    return all(x.dtype == dtype for x in maps)


class _ReLUConcat(torch.autograd.Function):
    """Where the ReLU was positive, its gradient asks the concatenation."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        x = x.relu()
        return torch.cat([x, *others], 1), x

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(output[0])
        ctx.set_materialize_grads(False)
        ctx.channels = [x.shape[1] for x in inputs]

    @staticmethod
    def backward(ctx, grad: Tensor | None, to_relu: Tensor | None) -> tuple[Tensor | None, ...]:
        out, = ctx.saved_tensors
        to_x, *to_others = [None] * len(ctx.channels) if grad is None else grad.split(ctx.channels, 1)
        if to_relu is not None:
            to_x = to_relu if to_x is None else to_x + to_relu
        if to_x is not None:
            to_x = torch.ops.aten.threshold_backward(to_x, out[:, :ctx.channels[0]], 0)
        return to_x, *to_others
