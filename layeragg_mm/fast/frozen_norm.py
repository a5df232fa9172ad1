r"""A frozen batch norm is the affine map ``s z + b``, and part of the convolution before it.

.. math::

    s (W * x + c) + b = (s W) * x + (s c + b)

The map before the norm is not written, read once more, and kept for the backward pass; autograd finds the norm's
gradients through the weights. Done where the map is larger than the weights. On a GPU it saves as much memory, but
the products with the weights are launches of their own.
"""
import math

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..layers.conv_norm import ConvSequential, conv_norm, in_sequence
from ..layers.do_conv import DOConv2d
from ..layers.forms import Form, carries_hooks
from ..layers.ps_conv import PSConv2d
from ..layers.weight_net import WeightNetConv2d

__all__ = ['Affine', 'affine_of_frozen', 'is_plain', 'joined_weight', 'map_is_larger']

form = Form('frozen_norm')
# Exactly these: what they compute with ``_conv_forward`` is linear in each filter of their weight.
LINEAR = nn.Conv2d, DOConv2d, PSConv2d, WeightNetConv2d
PLAIN_NORMS = _BatchNorm.forward, nn.SyncBatchNorm.forward  # what extends them with a forward of its own is called


class Affine(nn.Module):
    """A frozen norm reduced to what it computes, ``s z + b``, with s and b (C,) as parameters weight and bias."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(scale.detach())
        self.bias = nn.Parameter(shift.detach())

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias[:, None, None], self.weight[:, None, None], x)


def affine_of_frozen(norm: nn.Module) -> tuple[Tensor, Tensor] | None:
    """Return scale s and shift b, both (C,), of a frozen norm, ``norm(z) = s z + b``; None of another norm.

    A batch norm in evaluation mode uses its running statistics, as detectors train it (``norm_eval=True``): then
    ``s = weight / sqrt(running_var + eps)``, ``b = bias - s * running_mean``. Gradients reach weight and bias.
    """
    if (isinstance(norm, _BatchNorm) and type(norm).forward in PLAIN_NORMS and norm.affine and not norm.training
            and norm.running_mean is not None):
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        return scale, torch.addcmul(norm.bias, scale, norm.running_mean, value=-1)
    return (norm.weight, norm.bias) if isinstance(norm, Affine) else None


def is_plain(conv: nn.Module) -> bool:
    """Whether ``conv`` is nothing but a convolution with zeros around the map."""
    return type(conv) is nn.Conv2d and conv.padding_mode == 'zeros'


def map_is_larger(conv: nn.Module, x: Tensor) -> bool:
    """Whether ``conv(x)``, of a convolution that a norm can be joined with, has more elements than its weights."""
    if type(conv) not in LINEAR or conv.padding_mode != 'zeros':
        return False
    pixels_read = x.numel() // conv.in_channels  # each channel of the result has one a stride, and its weights
    return pixels_read > math.prod((*conv.kernel_size, *conv.stride)) * conv.in_channels // conv.groups


def joined_weight(conv: nn.Conv2d, norm: nn.Module) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return weight and bias of the convolution ``norm(conv(x))``, and the norm's scale; the convolution's own and None
    where the norm is not frozen."""
    affine = affine_of_frozen(norm)
    if affine is None:
        return conv.weight, conv.bias, None
    scale, shift = affine
    bias = shift if conv.bias is None else torch.addcmul(shift, scale, conv.bias)
    return scale.view(-1, 1, 1, 1) * conv.weight, bias, scale


@form.replaces(conv_norm)
def joined(conv: nn.Module, norm: nn.Module, x: Tensor, added: Tensor | None = None) -> Tensor:
    if (added is None and x.device.type in form.devices and map_is_larger(conv, x)
            and not carries_hooks(conv, norm)):
        weight, bias, scale = joined_weight(conv, norm)
        if scale is not None:
            return conv._conv_forward(x, weight, bias)
    out = conv(x)
    return norm(out if added is None else out + added)


@form.replaces(ConvSequential.forward)
def joined_in_sequence(layers: nn.Sequential, x: Tensor) -> Tensor:
    layers = list(layers)
    while layers:
        layer = layers.pop(0)
        normed = layers and isinstance(layers[0], _BatchNorm)
        x = joined(layer, layers.pop(0), x) if normed else layer(x)
    return x


@form.replaces(in_sequence)
def joined_in_plain_sequence(layers: nn.Module, x: Tensor) -> Tensor:
    return NotImplemented if carries_hooks(layers) else joined_in_sequence(layers, x)
