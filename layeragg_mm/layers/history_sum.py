"""MRLA-base's sum over the values of all blocks up to this one, with gradients that are added up in place."""
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import operators
from .recording import is_recorded

__all__ = ['history_sum', 'per_channel']


def per_channel(weight: Tensor, channels: int) -> Tensor:
    """Return one weight a head (..., heads) as one a channel (..., C, 1, 1)."""
    heads = weight.shape[-1]
    return weight[..., None].expand(*weight.shape, channels // heads).reshape(*weight.shape[:-1], channels, 1, 1)


def history_sum(start: Tensor | None, scale: Tensor | None, shift: Tensor | None, weights: Tensor,
                values: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return ``start + shift + scale sum_s weights[s] values[s]``, and the values for the next sum.

    The next sum has to take them from here: their gradients then come back one layer after another, and each adds its
    term in place, where autograd would write a map for each pair. So gradients with respect to these values, and to no
    other tensors, are working memory: who wants one has to copy it in a hook.

    Args:
        start: maps (N, C, H, W), or None for zero.
        scale: (C,), or None for one.
        shift: (C,), or None for zero.
        weights: (S, N, heads).
        values: S maps (N, C, H, W).
    """
    if is_recorded():  # a graph has torch's operators, which inductor joins
        return plain_sum(start, scale, shift, weights, values), *values
    return HistorySum.apply(start, scale, shift, weights, *values)


class HistorySum(torch.autograd.Function):
    """The sum and its values; the passes over maps are kernels on a GPU, and elsewhere the plain ones below."""

    @staticmethod
    def forward(ctx, start: Tensor | None, scale: Tensor | None, shift: Tensor | None, weights: Tensor,
                *values: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(scale, weights, *values)
        ctx.set_materialize_grads(False)
        forward = operators.kernels.history_sum if operators.takes_kernels(values[0]) else plain_sum
        return forward(start, scale, shift, weights, values), *values

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor | None, *later: Tensor | None) -> tuple[Tensor | None, ...]:
        if grad is None:
            return None, None, None, None, *later
        scale, weights, *values = ctx.saved_tensors
        needs_start, needs_scale, needs_shift, *_ = ctx.needs_input_grad
        if operators.takes_kernels(grad):
            to_shift, dots, to_values = operators.kernels.history_sum_backward(grad, scale, weights, values,
                                                                               writable(*later))
        else:
            to_shift = grad.sum((0, 2, 3)) if needs_shift else None
            dots, to_values = plain_sum_backward(grad, scale, weights, values, writable(*later))
        dots = dots.unflatten(-1, (weights.shape[-1], -1))  # by head
        to_weights = (dots if scale is None else dots * scale.view(dots.shape[-2:])).sum(-1)
        to_scale = (dots * weights[..., None]).sum((0, 1)).flatten() if needs_scale else None
        return (grad if needs_start else None, to_scale, to_shift if needs_shift else None, to_weights,
                *marked(*to_values))


def marked(*grads: Tensor) -> tuple[Tensor, ...]:
    """Mark gradients of values as made by a history sum: only the sum before reads them, and may write to them."""
    for grad in grads:
        grad.made_by_history_sum = True
    return grads


def writable(*grads: Tensor | None) -> list[Tensor | None]:
    """Return gradients of values for a history sum to add to in place: a copy of what others may read."""
    return [grad if grad is None or hasattr(grad, 'made_by_history_sum') else grad.clone() for grad in grads]


def plain_sum(start: Tensor | None, scale: Tensor | None, shift: Tensor | None, weights: Tensor,
              values: Sequence[Tensor]) -> Tensor:
    """The sum in torch's operators, a pass for each term."""
    first, *others = scaled_per_channel(scale, weights, values[0])
    out = first * values[0] if shift is None else torch.addcmul(shift[:, None, None], first, values[0])
    for weight, value in zip(others, values[1:]):
        out.addcmul_(weight, value)
    return out if start is None else out.add_(start)


def plain_sum_backward(grad: Tensor, scale: Tensor | None, weights: Tensor, values: Sequence[Tensor],
                       later: Sequence[Tensor | None]) -> tuple[Tensor, list[Tensor]]:
    """Return what the kernels' ``history_sum_backward`` does, but for the gradient of the shift."""
    dots = torch.stack([(grad * value).sum((2, 3)) for value in values])
    to_values = [grad * weight if begun is None else begun.addcmul_(grad, weight)
                 for weight, begun in zip(scaled_per_channel(scale, weights, grad), later)]
    return dots, to_values


def scaled_per_channel(scale: Tensor | None, weights: Tensor, like: Tensor) -> Tensor:
    weights = per_channel(weights, like.shape[1])
    return weights if scale is None else scale[:, None, None] * weights
