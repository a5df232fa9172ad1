"""Depthwise convolutions, and what torch.compile gets of them on the CPU: operators that it does not look into."""
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import operators
from .operators import laid_out_as

__all__ = ['DepthwiseConv2d', 'compiles_training_on_cpu', 'depthwise_sum']


def compiles_training_on_cpu(x: Tensor) -> bool:
    """Return whether torch.compile should not look into a depthwise convolution of ``x``.

    In training on the CPU inductor would copy channels_last maps to contiguous for the backward pass, which then takes
    several times as long, and sum over pixels, as gradients of weights do, more slowly than eager.
    """
    return (torch.compiler.is_compiling() and not torch.compiler.is_exporting() and torch.is_grad_enabled()
            and x.device.type == 'cpu')


class DepthwiseConv2d(nn.Conv2d):
    """A 3x3 convolution of each channel by itself, (N, C, H, W) to the same, without bias."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if operators.takes_kernels(x):
            return operators.depthwise_conv(x, self.weight)
        return _depthwise_conv(*_autocast(x, self.weight)) if compiles_training_on_cpu(x) else super().forward(x)

    forward_literal = nn.Conv2d.forward


def depthwise_sum(x: Tensor, kernels: Tensor, bias: Tensor | None, scale: Tensor, z: Tensor, *,
                  inplace: bool = False) -> Tensor:
    """Return ``convolution(x, kernels) + bias + scale * z``.

    Args:
        x: maps (N, C, H, W).
        kernels: depthwise ones, each image's own: (N, C, 1, 3, 3).
        bias: (C,) or None.
        scale: (C, 1, 1).
        z: maps (N, C, H, W).
        inplace: whether the result may take the place of ``x``, which is in the cache; it does where gradients are off.
    """
    if compiles_training_on_cpu(x):
        return _depthwise_sum(*_autocast(x, kernels, bias), scale, z)
    parts = _convolve_each(x, kernels, bias)
    if not inplace or torch.is_grad_enabled():
        return ScaledSum.apply(scale, z, *parts)
    start = 0
    for part in parts:
        place = slice(start, start + len(part))
        torch.addcmul(part, scale, z[place], out=x[place])
        start += len(part)
    return x


def _convolve_each(x: Tensor, kernels: Tensor, bias: Tensor | None) -> Iterator[Tensor]:
    """Convolve, and yield the result in parts of the batch.

    Images count as channels of one convolution where the layout allows it; in channels_last they come one by one.
    """
    n, c, h, w = x.shape
    if x.is_contiguous():
        bias = bias if bias is None else bias.repeat(n)
        out = F.conv2d(x.view(1, n * c, h, w), kernels.flatten(0, 1), bias, padding=1, groups=n * c)
        yield out.view(n, c, h, w)
    else:
        for image, kernel in zip(x.split(1), kernels):
            yield F.conv2d(image, kernel, bias, padding=1, groups=c)


class ScaledSum(torch.autograd.Function):
    """``y + scale * z`` for a map ``z`` (N, C, H, W), ``scale`` (C, 1, 1), and ``y`` in one or more parts of the batch.

    The parts are not put together first, which would be one more pass.
    """

    @staticmethod
    def forward(ctx, scale: Tensor, z: Tensor, *parts: Tensor) -> Tensor:
        ctx.save_for_backward(scale, z)
        ctx.sizes = [len(part) for part in parts]
        out = torch.empty_like(z, dtype=torch.promote_types(z.dtype, parts[0].dtype))
        for y, z_part, out_part in zip(parts, z.split(ctx.sizes), out.split(ctx.sizes)):
            torch.addcmul(y, scale, z_part, out=out_part)
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, ...]:
        return *_scaled_sum_backward(grad, *ctx.saved_tensors), *grad.split(ctx.sizes)


def _scaled_sum_backward(grad: Tensor, scale: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    return (grad * z).sum((0, 2, 3))[:, None, None], grad * scale


def _autocast(*tensors: Tensor | None) -> list[Tensor | None]:
    """Do what autocast does for a convolution on the CPU, which it does not for an operator."""
    if not torch.is_autocast_enabled('cpu'):
        return [*tensors]
    return [tensor if tensor is None else tensor.to(torch.get_autocast_dtype('cpu')) for tensor in tensors]


def _convolution_backward(grad: Tensor, x: Tensor, weight: Tensor, needed: list[bool]) -> list[Tensor]:
    stride = padding = dilation = [1, 1]
    return torch.ops.aten.convolution_backward(
        grad, x, weight, None, stride, padding, dilation, False, [0, 0], len(weight), [*needed, False])


@torch.library.custom_op('layeragg_mm::depthwise_conv', mutates_args=())
def _depthwise_conv(x: Tensor, weight: Tensor) -> Tensor:
    return laid_out_as(x, F.conv2d(x, weight, padding=1, groups=len(weight)))


@_depthwise_conv.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return torch.empty_like(x)


@torch.library.custom_op('layeragg_mm::depthwise_conv_backward', mutates_args=())
def _depthwise_conv_backward(grad: Tensor, x: Tensor, weight: Tensor, needed: list[bool]) -> list[Tensor]:
    grads = _convolution_backward(grad, x, weight, needed)
    return [laid_out_as(tensor, grads[i]) for i, tensor in enumerate((x, weight)) if needed[i]]


@_depthwise_conv_backward.register_fake
def _(grad: Tensor, x: Tensor, weight: Tensor, needed: list[bool]) -> list[Tensor]:
    return [torch.empty_like(tensor) for tensor, is_needed in zip((x, weight), needed) if is_needed]


def _differentiate_conv(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
    needed = list(ctx.needs_input_grad)
    grads = iter(_depthwise_conv_backward(grad, *ctx.saved_tensors, needed))
    return tuple(next(grads) if is_needed else None for is_needed in needed)


_depthwise_conv.register_autograd(
    _differentiate_conv, setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs))


@torch.library.custom_op('layeragg_mm::depthwise_sum', mutates_args=())
def _depthwise_sum(x: Tensor, kernels: Tensor, bias: Tensor | None, scale: Tensor, z: Tensor) -> Tensor:
    return ScaledSum.apply(scale, z, *_convolve_each(x, kernels, bias))


@_depthwise_sum.register_fake
def _(x: Tensor, kernels: Tensor, bias: Tensor | None, scale: Tensor, z: Tensor) -> Tensor:
    return torch.empty_like(z, dtype=torch.promote_types(z.dtype, x.dtype))


@torch.library.custom_op('layeragg_mm::depthwise_sum_backward', mutates_args=())
def _depthwise_sum_backward(grad: Tensor, x: Tensor, kernels: Tensor, scale: Tensor, z: Tensor,
                            to_bias: bool) -> list[Tensor]:
    to_images, to_kernels, _ = zip(*(
        _convolution_backward(part, image, kernel, [True, True])
        for part, image, kernel in zip(grad.to(x.dtype).split(1), x.split(1), kernels)))
    grads = torch.cat(to_images), torch.stack(to_kernels), *_scaled_sum_backward(grad, scale, z)
    grads = [laid_out_as(tensor, result.to(tensor.dtype)) for tensor, result in zip((x, kernels, scale, z), grads)]
    return [*grads, grad.sum((0, 2, 3)).to(x.dtype)] if to_bias else grads


@_depthwise_sum_backward.register_fake
def _(grad: Tensor, x: Tensor, kernels: Tensor, scale: Tensor, z: Tensor, to_bias: bool) -> list[Tensor]:
    grads = [torch.empty_like(tensor) for tensor in (x, kernels, scale, z)]
    return [*grads, x.new_empty(len(scale))] if to_bias else grads


def _differentiate_sum(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
    to_x, to_kernels, to_scale, to_z, *to_bias = _depthwise_sum_backward(
        grad, *ctx.saved_tensors, ctx.needs_input_grad[2])
    return to_x, to_kernels, *(to_bias or [None]), to_scale, to_z


_depthwise_sum.register_autograd(
    _differentiate_sum,
    setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs[:2], *inputs[3:]))
