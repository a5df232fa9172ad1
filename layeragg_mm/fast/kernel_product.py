"""DO-Conv's kernel, whose gradient is laid out as the kernel is before it goes on.

A convolution of a channels_last map gives its kernel's gradient in channels_last. There the two products of
:meth:`~layeragg_mm.layers.do_conv.DOConv2d.kernel`'s backward pass find no row or column in one piece, and copy each of
their matrices, one a channel.
"""
import torch
from torch import Tensor

from ..layers.do_conv import DOConv2d
from ..layers.forms import Form

__all__ = []

form = Form('kernel_product')


@form.replaces(DOConv2d.kernel)
def kernel(conv: DOConv2d, weight: Tensor) -> Tensor:
    if weight.device.type not in form.devices or torch.compiler.is_compiling():  # inductor has its own layouts
        return NotImplemented
    return _ContiguousGradient.apply(DOConv2d.kernel.literal(conv, weight))


class _ContiguousGradient(torch.autograd.Function):

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        return grad.contiguous()
