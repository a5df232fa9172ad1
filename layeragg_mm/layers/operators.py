"""MRLA's steps on a GPU: operators around the Triton kernels, with gradients, whole for torch.compile."""
from collections.abc import Sequence
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ['attended_sum', 'history_sum', 'query_key', 'takes_kernels']

HAS_TRITON = find_spec('triton') is not None  # torch brings it where it brings CUDA
if HAS_TRITON:
    from . import kernels


def takes_kernels(x: Tensor) -> bool:
    """Return whether maps like ``x`` are worked on by the kernels; elsewhere, and in exports, by the plain forms."""
    return HAS_TRITON and x.device.type == 'cuda' and not torch.compiler.is_exporting()


def laid_out_as(tensor: Tensor, result: Tensor) -> Tensor:
    """Return ``result`` with the strides that the operators' fakes promise, those of ``torch.empty_like(tensor)``."""
    empty = torch.empty_like(tensor, dtype=result.dtype)
    return result if result.stride() == empty.stride() else empty.copy_(result)


@torch.library.custom_op('layeragg_mm::attended_sum', mutates_args=())
def attended_sum(x: Tensor, weight: Tensor, attention: Tensor, z_scale: Tensor, z: Tensor, scale: Tensor | None,
                 shift: Tensor | None) -> Tensor:
    """Return ``a W * x + z_scale z``; with scale s and shift b ``s (a W * x + z_scale z) + b + x``.

    Args:
        x: maps (N, C, H, W).
        weight: W, of a depthwise convolution, (C, 1, 3, 3).
        attention: a, (N, heads).
        z_scale: (C, 1, 1).
        z: maps (N, C, H, W).
        scale: s, (C,), or None.
        shift: b, (C,), or None.
    """
    return laid_out_as(z, kernels.attended_sum(x, weight, attention, z_scale, z, scale, shift))


@attended_sum.register_fake
def _(x: Tensor, weight: Tensor, attention: Tensor, z_scale: Tensor, z: Tensor, scale: Tensor | None,
      shift: Tensor | None) -> Tensor:
    return torch.empty_like(z, dtype=torch.promote_types(z.dtype, x.dtype))


@torch.library.custom_op('layeragg_mm::attended_sum_backward', mutates_args=())
def _attended_sum_backward(grad: Tensor, x: Tensor, weight: Tensor, attention: Tensor, z_scale: Tensor, z: Tensor,
                           scale: Tensor | None) -> list[Tensor]:
    grads = kernels.attended_sum_backward(grad, x, weight, attention, z_scale, z, scale)
    inputs = x, weight, attention, z_scale, z, scale, scale
    return [laid_out_as(tensor, result) for tensor, result in zip(inputs, grads) if tensor is not None]


@_attended_sum_backward.register_fake
def _(grad: Tensor, *inputs: Tensor | None) -> list[Tensor]:
    *inputs, scale = inputs
    return [torch.empty_like(tensor) for tensor in (*inputs, scale, scale) if tensor is not None]


def _differentiate_attended_sum(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
    grads = _attended_sum_backward(grad, *ctx.saved_tensors)
    return (*grads, None, None)[:7]


attended_sum.register_autograd(
    _differentiate_attended_sum, setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs[:6]))


@torch.library.custom_op('layeragg_mm::query_key', mutates_args=())
def query_key(pooled: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """Return the convolutions of ``pooled`` (N, C) along C with ``query`` and ``key``, each (1, 1, K): (2, N, C)."""
    return kernels.query_key(pooled, query, key)


@query_key.register_fake
def _(pooled: Tensor, query: Tensor, key: Tensor) -> Tensor:
    return pooled.new_empty(2, *pooled.shape, dtype=torch.promote_types(pooled.dtype, torch.float32))


@torch.library.custom_op('layeragg_mm::query_key_backward', mutates_args=())
def _query_key_backward(grad: Tensor, pooled: Tensor, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    return kernels.query_key_backward(grad, pooled, query, key)


@_query_key_backward.register_fake
def _(grad: Tensor, pooled: Tensor, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(pooled), query.new_empty(2, *query.shape)


def _differentiate_query_key(ctx, grad: Tensor) -> tuple[Tensor, ...]:
    to_pooled, to_weights = _query_key_backward(grad, *ctx.saved_tensors)
    return to_pooled, *to_weights.unbind()


query_key.register_autograd(
    _differentiate_query_key, setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs))


class _HistorySum(torch.autograd.Function):

    @staticmethod
    def forward(ctx, start: Tensor | None, scale: Tensor | None, shift: Tensor | None, weights: Tensor,
                *values: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(scale, weights, *values)
        ctx.set_materialize_grads(False)
        return kernels.history_sum(start, scale, shift, weights, values), *values

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor | None, *later: Tensor | None) -> tuple[Tensor | None, ...]:
        if grad is None:
            return None, None, None, None, *later
        scale, weights, *values = ctx.saved_tensors
        to_shift, dots, to_values = kernels.history_sum_backward(grad, scale, weights, values, later)
        dots = dots.unflatten(-1, (weights.shape[-1], -1))  # by head
        to_weights = (dots if scale is None else dots * scale.view(dots.shape[-2:])).sum(-1)
        to_scale = None if scale is None else (dots * weights[..., None]).sum((0, 1)).flatten()
        needs_start, _, needs_shift, *_ = ctx.needs_input_grad
        return grad if needs_start else None, to_scale, to_shift if needs_shift else None, to_weights, *to_values


def history_sum(start: Tensor | None, scale: Tensor | None, shift: Tensor | None, weights: Tensor,
                values: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return ``start + shift + scale sum_s weights[s] values[s]``, and the values for the next one.

    The next sum has to take them from here: their gradients then come back one layer after another, and each adds its
    term in place.

    Args:
        start: maps (N, C, H, W), or None for zero.
        scale: (C,), or None for one.
        shift: (C,), or None for zero.
        weights: (S, N, heads).
        values: S maps (N, C, H, W).
    """
    return _HistorySum.apply(start, scale, shift, weights, *values)
