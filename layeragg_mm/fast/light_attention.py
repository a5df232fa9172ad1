r"""MRLA-light in two passes over the maps: a depthwise convolution, and the sum with the shortcut.

``a v`` is one depthwise convolution of x, whose kernels ``a W_v`` are each image's own. With a frozen norm ``s z + b``
the identity joins it:

.. math::

    x + s (a W_v * x + \lambda o) + b = (s a W_v + 1) * x + b + s \lambda o

where 1 stands at the kernels' centre.
"""
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.forms import Form, carries_hooks
from ..layers.mrla import LightLayerAttention
from .frozen_norm import affine_of_frozen

__all__ = ['is_depthwise']

form = Form('light_attention')


@form.replaces(LightLayerAttention.forward)
def attend(module: LightLayerAttention, x: Tensor, shortcut: Tensor) -> Tensor:
    if (x.device.type not in form.devices or torch.compiler.is_compiling()  # inductor makes one pass of all this
            or not len(x) or not is_as_built(module)
            or carries_hooks(module.query, module.key, module.value, module.norm, module.drop_path)):
        return NotImplemented
    pooled = (x.sum((2, 3), dtype=torch.promote_types(x.dtype, torch.float32)) / (x.shape[2] * x.shape[3])).to(x.dtype)
    weights = torch.cat([module.query.weight, module.key.weight])
    both = F.conv1d(pooled[:, None], weights, padding=module.query.padding)
    query, key = both.unflatten(2, (-1, module.channels_per_head)).unbind(1)
    attention = ((query * key).sum(-1) / math.sqrt(module.channels_per_head)).sigmoid()
    kernels = attention.repeat_interleave(module.channels_per_head, 1)[..., None, None, None] * module.value.weight

    dropping = module.training and not isinstance(module.drop_path, nn.Identity)
    affine = None if dropping else affine_of_frozen(module.norm)
    if affine is None:
        out = ScaledSum.apply(module.shortcut_scale, shortcut, *convolve_each(x, kernels, None))
        return x + module.drop_path(module.norm(out))
    scale, shift = affine
    kernels = scale[:, None, None, None] * kernels + F.pad(kernels.new_ones(1, 1), (1, 1, 1, 1))
    return ScaledSum.apply(scale[:, None, None] * module.shortcut_scale, shortcut, *convolve_each(x, kernels, shift))


def is_as_built(module: LightLayerAttention) -> bool:
    """Whether nobody put another layer, or a method, in the place of those that the form takes the weights of."""
    query, key, value = module.query, module.key, module.value
    return (type(query) is type(key) is nn.Conv1d and query.bias is key.bias is None
            and query.kernel_size == key.kernel_size and query.padding == key.padding
            and query.dilation == key.dilation == (1,) and is_depthwise(value) and 'attention' not in module.__dict__
            and type(module).attention is LightLayerAttention.attention)


def is_depthwise(conv: nn.Module) -> bool:
    """Whether ``conv`` is a plain 3x3 depthwise convolution that keeps the size, without bias."""
    return (type(conv) is nn.Conv2d and conv.bias is None and conv.groups == conv.in_channels == conv.out_channels
            and conv.kernel_size == (3, 3) and conv.padding == conv.stride == conv.dilation == (1, 1)
            and conv.padding_mode == 'zeros')


def convolve_each(x: Tensor, kernels: Tensor, bias: Tensor | None) -> list[Tensor]:
    """Return maps (N, C, H, W) convolved with kernels (N, C, 1, 3, 3), in parts of the batch.

    Images count as channels of one convolution where the layout allows it; in channels_last they come one by one.
    """
    n, c, h, w = x.shape
    if x.is_contiguous():
        bias = bias if bias is None else bias.repeat(n)
        out = F.conv2d(x.view(1, n * c, h, w), kernels.flatten(0, 1), bias, padding=1, groups=n * c)
        return [out.view(n, c, h, w)]
    return [F.conv2d(image, kernel, bias, padding=1, groups=c) for image, kernel in zip(x.split(1), kernels)]


class ScaledSum(torch.autograd.Function):
    """``y + scale * z`` for a map ``z`` (N, C, H, W), ``scale`` (C, 1, 1), and ``y`` in equal parts of the batch.

    The parts are not put together first, which would be one more pass.
    """

    @staticmethod
    def forward(ctx, scale: Tensor, z: Tensor, *parts: Tensor) -> Tensor:
        ctx.save_for_backward(scale, z)
        ctx.size = len(parts[0])
        out = torch.empty_like(z, dtype=torch.promote_types(z.dtype, parts[0].dtype))
        for y, z_part, out_part in zip(parts, z.split(ctx.size), out.split(ctx.size)):
            torch.addcmul(y, scale, z_part, out=out_part)
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, ...]:
        scale, z = ctx.saved_tensors
        return (grad * z).sum((0, 2, 3))[:, None, None], grad * scale, *grad.split(ctx.size)
