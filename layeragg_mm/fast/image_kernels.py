r"""WeightNet's kernels made for each image, as published, where products of matrices convolve with them.

With the gates a and a static kernel V, K = a V is the kernel of one image: a 1x1 convolution is the product of K and
the image's map, one pass where the equation makes two maps and adds them. A depthwise convolution ``a (V * x)`` before
it, without an activation between, leaves it its gate a' and both their frozen norms ``s z + b``:

.. math::

    s (K (s' a' (V' * x) + b')) + b = (s K s' a') (V' * x) + (s K b' + b)
"""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..layers.forms import Form, carries_hooks
from ..layers.weight_net import GATES, WeightNetConv2d, gated_and_normed
from .frozen_norm import affine_of_frozen

__all__ = []

form = Form('image_kernels')
Layer = tuple[WeightNetConv2d, nn.Module]


@form.replaces(gated_and_normed)
def convolve_in_turn(layers: Sequence[Layer], x: Tensor, pooled: Tensor) -> Tensor:
    affines = [affine_after(conv, norm) for conv, norm in layers]
    if not takes(x) or any(affine is None for affine in affines) or any(
            type(conv) is not WeightNetConv2d or conv.reduce is not None or not (conv.depthwise or is_product(conv))
            for conv, _ in layers):
        return NotImplemented
    factor = shift = None  # (N, C) and (C,): what the map is yet to be multiplied with, and to get added
    for (conv, _), (scale, bias) in zip(layers, affines):
        gates = gates_of(conv, pooled)
        gates = gates if scale is None else scale[:, None] * gates
        if conv.depthwise:
            x = times_plus(x, factor, shift)
            x = F.conv2d(x, conv.weight, None, conv.stride, conv.padding, conv.dilation, conv.groups)
            factor, shift = gates.squeeze(2), bias
        else:
            x, factor, shift = Product.apply(x, conv.weight, gates, bias, factor, shift), None, None
    return times_plus(x, factor, shift)


@form.replaces(WeightNetConv2d._gated)
def convolve(conv: WeightNetConv2d, x: Tensor, weight: Tensor, bias: Tensor | None, pooled: Tensor | None) -> Tensor:
    if not takes(x) or conv.depthwise:
        return NotImplemented
    if conv.reduce is not None:
        pooled = conv.reduce(x.mean((2, 3), keepdim=True))
    gates = gates_of(conv, pooled)
    if is_product(conv):
        return Product.apply(x, weight, gates, bias, None, None)
    kernels = (gates[..., None, None, None] * weight.unflatten(1, (GATES, -1))).flatten(2, 3)
    return torch.cat([F.conv2d(image, kernel, bias, conv.stride, conv.padding, conv.dilation)
                      for image, kernel in zip(x.split(1), kernels)])


def takes(x: Tensor) -> bool:
    # Compiled, the number of images may vary; inductor makes one pass of the equation's sum.
    return (x.device.type in form.devices and x.ndim == 4 and len(x) > 0 and not torch.compiler.is_compiling()
            and not torch.is_autocast_enabled(x.device.type))


def is_product(conv: WeightNetConv2d) -> bool:
    return conv.groups == 1 and conv.kernel_size == conv.stride == (1, 1) and conv.padding == (0, 0)


def affine_after(conv: WeightNetConv2d, norm: nn.Module) -> tuple[Tensor | None, Tensor | None] | None:
    """Return scale and shift (C,) of ``norm(conv(x))`` over what its weight gives; None of what must be called."""
    if carries_hooks(conv, norm):
        return None
    if type(norm) is nn.Identity:  # of a fused network
        return None, conv.bias
    affine = affine_of_frozen(norm)
    if affine is None or conv.bias is None:
        return affine
    return affine[0], torch.addcmul(affine[1], affine[0], conv.bias)


def gates_of(conv: WeightNetConv2d, pooled: Tensor) -> Tensor:
    """Return the gates (N, out, gates of a filter)."""
    layer = conv.wn_fc1
    if type(layer) is not nn.Conv2d or carries_hooks(layer):
        gates = layer(pooled).flatten(1)
    else:
        gates = F.linear(pooled.flatten(1), layer.weight.flatten(1), layer.bias)
    return gates.sigmoid().unflatten(1, (conv.out_channels, -1))


class Product(torch.autograd.Function):
    """The 1x1 convolution of maps (N, in, H, W), factor x + shift, with a kernel for each image.

    It is that of ``weight`` (out, in, 1, 1), whose halves of the inputs are multiplied with ``gates`` (N, out, 2), and
    has a bias (out,); factor (N, in) and shift (in,) are its input's, or None.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, gates: Tensor, bias: Tensor | None, factor: Tensor | None,
                shift: Tensor | None) -> Tensor:
        gated = (gates[..., None] * weight.view(1, len(weight), GATES, -1)).flatten(2)
        kernels = gated if factor is None else gated * factor[:, None]
        if shift is not None:
            read = (gated @ shift[:, None]).squeeze(2)
            bias = read if bias is None else bias + read
        ctx.laid_last = x.stride(1) < x.stride(3)
        ctx.layout = torch.channels_last if ctx.laid_last else torch.contiguous_format
        pixels = x.contiguous(memory_format=ctx.layout).flatten(2)
        ctx.save_for_backward(pixels, weight, gates, gated, kernels, factor, shift)
        bias = kernels.new_zeros(len(weight)) if bias is None else bias
        out = torch.empty(len(x), len(weight), *x.shape[2:], dtype=x.dtype, device=x.device, memory_format=ctx.layout)
        if ctx.laid_last:
            torch.baddbmm(bias.view(-1, 1, len(weight)), pixels.transpose(1, 2), kernels.transpose(1, 2),
                          out=out.flatten(2).transpose(1, 2))
        else:
            torch.baddbmm(bias.view(-1, len(weight), 1), kernels, pixels, out=out.flatten(2))
        return out  # no view, since an activation may change it in place

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        pixels, weight, gates, gated, kernels, factor, shift = ctx.saved_tensors
        size = grad.shape[2:]
        grad = grad.contiguous(memory_format=ctx.layout).flatten(2)
        if ctx.laid_last:
            to_x = (grad.transpose(1, 2) @ kernels).transpose(1, 2).unflatten(2, size)
        else:
            to_x = (kernels.transpose(1, 2) @ grad).unflatten(2, size)
        to_kernels, to_bias = grad @ pixels.transpose(1, 2), grad.sum(2)
        to_factor = to_shift = None
        if factor is not None:
            to_factor = (to_kernels * gated).sum(1)
            to_kernels = to_kernels * factor[:, None]
        if shift is not None:
            to_shift = to_bias.flatten() @ gated.flatten(0, 1)
            to_kernels.addcmul_(to_bias[..., None], shift)
        halves = to_kernels.unflatten(2, (GATES, -1))
        to_weight = (halves * gates[..., None]).sum(0).view_as(weight)
        to_gates = (halves * weight.view(1, len(weight), GATES, -1)).sum(3)
        return to_x, to_weight, to_gates, to_bias.sum(0) if ctx.needs_input_grad[3] else None, to_factor, to_shift


def times_plus(x: Tensor, factor: Tensor | None, shift: Tensor | None) -> Tensor:
    if factor is not None:
        x = factor[..., None, None] * x if shift is None else torch.addcmul(
            shift[:, None, None], factor[..., None, None], x)
    return x
