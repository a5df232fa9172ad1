"""MRLA's steps on a GPU: the Triton kernels with gradients, once; most are an operator for torch.compile."""
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import torch
from packaging.version import Version
from torch import Tensor
from torch.autograd.function import once_differentiable

from .recording import is_exported

__all__ = ['attended_sum', 'depthwise_conv', 'laid_out_as', 'query_key', 'takes_kernels']


def has_triton() -> bool:
    """Return whether Triton is installed, which torch brings where it brings CUDA, in a version known to do."""
    try:
        return Version(version('triton')) >= Version('3.6')
    except PackageNotFoundError:
        return False


HAS_TRITON = has_triton()
if HAS_TRITON:
    from . import kernels


def takes_kernels(x: Tensor) -> bool:
    """Return whether maps like ``x`` are worked on by the kernels; elsewhere, and in exports, by the plain forms."""
    return HAS_TRITON and x.device.type == 'cuda' and not is_exported()


def laid_out_as(tensor: Tensor, result: Tensor) -> Tensor:
    """Return ``result`` with the strides that the operators' fakes promise, those of ``torch.empty_like(tensor)``."""
    if result.stride() == tensor.stride():
        return result
    empty = torch.empty_like(tensor, dtype=result.dtype)
    return result if result.stride() == empty.stride() else empty.copy_(result)


def differentiable(name: str, forward: Callable, forward_fake: Callable, backward: Callable, backward_fake: Callable, *,
                   saved: int) -> Callable:
    """Return ``forward`` with gradients, for torch.compile as an operator; elsewhere its dispatch would cost a launch.

    Args:
        name: of the operator, in the namespace ``layeragg_mm``.
        forward: from tensors, or None, to a tensor.
        backward: from the gradient and the inputs that are kept to a list of gradients, of those that are not None.
        forward_fake, backward_fake: the same for shapes alone.
        saved: how many of the inputs are kept.
    """
    operator = torch.library.custom_op(f'layeragg_mm::{name}', forward, mutates_args=())
    operator.register_fake(forward_fake)
    backward_operator = torch.library.custom_op(f'layeragg_mm::{name}_backward', backward, mutates_args=())
    backward_operator.register_fake(backward_fake)

    def setup_context(ctx, inputs: tuple, output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:saved])
        ctx.given = [value is not None for value in inputs]

    def with_nones(ctx, grads: list[Tensor]) -> tuple[Tensor | None, ...]:
        grads = iter(grads)
        return tuple(next(grads) if given else None for given in ctx.given)

    operator.register_autograd(lambda ctx, grad: with_nones(ctx, backward_operator(grad, *ctx.saved_tensors)),
                               setup_context=setup_context)

    class Function(torch.autograd.Function):

        @staticmethod
        def forward(ctx, *inputs: Tensor | None) -> Tensor:
            output = forward(*inputs)
            setup_context(ctx, inputs, output)
            return output

        @staticmethod
        @once_differentiable
        def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
            return with_nones(ctx, backward(grad, *ctx.saved_tensors))

    return lambda *inputs: operator(*inputs) if torch.compiler.is_compiling() else Function.apply(*inputs)


def _autocast(x: Tensor) -> Tensor:
    """Do what autocast does for the map that a convolution reads; kernels read weights of any type."""
    device = x.device.type
    casts = torch.is_autocast_enabled(device) and x.dtype != torch.float64
    return x.to(torch.get_autocast_dtype(device)) if casts else x


def _attended_sum(x: Tensor, weight: Tensor, attention: Tensor, z_scale: Tensor, z: Tensor, scale: Tensor | None,
                  shift: Tensor | None) -> Tensor:
    return laid_out_as(z, kernels.attended_sum(x, weight, attention, z_scale, z, scale, shift))


def _attended_sum_fake(x: Tensor, weight: Tensor, attention: Tensor, z_scale: Tensor, z: Tensor, scale: Tensor | None,
                       shift: Tensor | None) -> Tensor:
    return torch.empty_like(z, dtype=torch.promote_types(z.dtype, x.dtype))


def _attended_sum_backward(grad: Tensor, x: Tensor, weight: Tensor, attention: Tensor, z_scale: Tensor, z: Tensor,
                           scale: Tensor | None) -> list[Tensor]:
    grads = kernels.attended_sum_backward(grad, x, weight, attention, z_scale, z, scale)
    inputs = x, weight, attention, z_scale, z, scale, scale
    return [laid_out_as(tensor, result) for tensor, result in zip(inputs, grads) if tensor is not None]


def _attended_sum_backward_fake(grad: Tensor, *inputs: Tensor | None) -> list[Tensor]:
    *_, scale = inputs
    return [torch.empty_like(tensor) for tensor in (*inputs, scale) if tensor is not None]


_attended = differentiable('attended_sum', _attended_sum, _attended_sum_fake, _attended_sum_backward,
                           _attended_sum_backward_fake, saved=6)


def attended_sum(x: Tensor, weight: Tensor, attention: Tensor, z_scale: Tensor, z: Tensor, scale: Tensor | None = None,
                 shift: Tensor | None = None) -> Tensor:
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
    return _attended(_autocast(x), weight, attention, z_scale, z, scale, shift)


def _depthwise_conv(x: Tensor, weight: Tensor) -> Tensor:
    return laid_out_as(x, kernels.attended_sum(x, weight))


def _depthwise_conv_backward(grad: Tensor, x: Tensor, weight: Tensor) -> list[Tensor]:
    return [laid_out_as(tensor, result) for tensor, result in zip(
        (x, weight), kernels.depthwise_conv_backward(grad, x, weight))]


_depthwise = differentiable(
    'depthwise_conv_gpu', _depthwise_conv, lambda x, weight: torch.empty_like(x), _depthwise_conv_backward,
    lambda grad, x, weight: [torch.empty_like(x), torch.empty_like(weight)], saved=2)


def depthwise_conv(x: Tensor, weight: Tensor) -> Tensor:
    """Return the convolution of ``x`` (N, C, H, W) with ``weight`` (C, 1, 3, 3), each channel by itself."""
    return _depthwise(_autocast(x), weight)


def _query_key(pooled: Tensor, query: Tensor, key: Tensor) -> Tensor:
    return kernels.query_key(pooled, query, key)


def _query_key_backward(grad: Tensor, pooled: Tensor, query: Tensor, key: Tensor) -> list[Tensor]:
    grads = kernels.query_key_backward(grad, pooled, query, key)
    return [laid_out_as(tensor, result) for tensor, result in zip((pooled, query, key), grads)]


_vectors = differentiable(
    'query_key', _query_key,
    lambda pooled, query, key: pooled.new_empty(
        2, *pooled.shape, dtype=torch.promote_types(pooled.dtype, torch.float32)),
    _query_key_backward,
    lambda grad, pooled, query, key: [torch.empty_like(value) for value in (pooled, query, key)], saved=3)


def query_key(pooled: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """Return the convolutions of ``pooled`` (N, C) along C with ``query`` and ``key``, each (1, 1, K): (2, N, C)."""
    return _vectors(pooled, query, key)
