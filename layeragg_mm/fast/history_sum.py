r"""MRLA-base's sum over the values of all blocks up to this one, without a map for each term.

With a frozen norm ``s z + b`` the output is ``x + b + sum_s (s a_s) v_s``, added up in place. Each value's gradient,
whose terms come from all later sums, is added up on its way from one sum to the one before.
"""
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..layers.forms import Form, carries_hooks
from ..layers.mrla import BaseLayerAttention, History
from .frozen_norm import affine_of_frozen

__all__ = []

form = Form('history_sum')


@form.replaces(BaseLayerAttention.forward)
def attend(module: BaseLayerAttention, x: Tensor, history: History = ()) -> tuple[Tensor, History]:
    if x.device.type not in form.devices or carries_hooks(module.norm, module.act, module.drop_path):
        return NotImplemented
    weights, history = module.attention(x, history)
    keys, values = zip(*history)
    dropping = module.training and not isinstance(module.drop_path, nn.Identity)
    affine = None if dropping or not isinstance(module.act, nn.Identity) else affine_of_frozen(module.norm)
    if affine is not None:
        scale, shift = (value.to(x.dtype) for value in affine)  # under autocast x is in the lower precision
        out, *values = history_sum(x, scale, shift, weights, values)
    else:
        out, *values = history_sum(None, None, None, weights, values)
        out = x + module.drop_path(module.act(module.norm(out)))
    return out, tuple(zip(keys, values))


def history_sum(start: Tensor | None, scale: Tensor | None, shift: Tensor | None, weights: Tensor,
                values: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return ``start + shift + scale sum_s weights[s] values[s]``, and the values for the next sum.

    The next sum has to take them from here: their gradients then come back one sum after another.

    Args:
        start: maps (N, C, H, W), or None for zero.
        scale: (C,), or None for one.
        shift: (C,), or None for zero.
        weights: (S, N, heads).
        values: S maps (N, C, H, W).
    """
    if torch.compiler.is_compiling():  # inductor joins torch's operators
        return weighted_sum(start, scale, shift, weights, values), *values
    return HistorySum.apply(start, scale, shift, weights, *values)


class HistorySum(torch.autograd.Function):
    """:func:`weighted_sum` and its values."""

    @staticmethod
    def forward(ctx, start: Tensor | None, scale: Tensor | None, shift: Tensor | None, weights: Tensor,
                *values: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(scale, weights, *values)
        ctx.set_materialize_grads(False)
        return weighted_sum(start, scale, shift, weights, values), *values

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor | None, *later: Tensor | None) -> tuple[Tensor | None, ...]:
        if grad is None:
            return None, None, None, None, *later
        scale, weights, *values = ctx.saved_tensors
        needs_start, needs_scale, needs_shift, *_ = ctx.needs_input_grad
        dots = torch.stack([(grad * value).sum((2, 3)) for value in values]).unflatten(-1, (weights.shape[-1], -1))
        to_weights = (dots if scale is None else dots * scale.view(dots.shape[-2:])).sum(-1)
        to_scale = (dots * weights[..., None]).sum((0, 1)).flatten() if needs_scale else None
        to_shift = grad.sum((0, 2, 3)) if needs_shift else None
        to_values = [grad * factor if begun is None else torch.addcmul(begun, grad, factor)
                     for factor, begun in zip(factors(scale, weights, grad.shape[1]), later)]
        return grad if needs_start else None, to_scale, to_shift, to_weights, *to_values


def weighted_sum(start: Tensor | None, scale: Tensor | None, shift: Tensor | None, weights: Tensor,
                 values: Sequence[Tensor]) -> Tensor:
    """Return the sum of :func:`history_sum`, a pass for each term."""
    first, *others = factors(scale, weights, values[0].shape[1])
    out = first * values[0] if shift is None else torch.addcmul(shift[:, None, None], first, values[0])
    for factor, value in zip(others, values[1:]):
        out.addcmul_(factor, value)
    return out if start is None else out.add_(start)


def factors(scale: Tensor | None, weights: Tensor, channels: int) -> Tensor:
    """Return what each value is multiplied with, (S, N, C, 1, 1)."""
    per_channel = weights.repeat_interleave(channels // weights.shape[-1], -1)
    return (per_channel if scale is None else scale * per_channel)[..., None, None]
