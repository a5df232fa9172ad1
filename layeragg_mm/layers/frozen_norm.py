"""Frozen batch norm as the affine map that it is, and joined to the convolution before it."""
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ['Affine', 'ConvSequential', 'affine_of_frozen', 'apply_in_sequence', 'conv_norm',
           'is_plain', 'map_is_larger', 'scaled']


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
    if isinstance(norm, Affine):
        return norm.weight, norm.bias
    if not isinstance(norm, _BatchNorm) or norm.training or norm.running_mean is None:
        return None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return scale, norm.bias - scale * norm.running_mean


def is_plain(conv: nn.Module) -> bool:
    """Whether ``conv`` computes nothing but its convolution: no hook before it makes its weights (spectral norm)."""
    return type(conv) is nn.Conv2d and not conv._forward_pre_hooks


def map_is_larger(conv: nn.Module, x: Tensor) -> bool:
    """Whether ``conv(x)``, of a plain convolution, has more elements than the convolution's weights."""
    return is_plain(conv) and x[:, 0].numel() > conv.weight[0].numel() * conv.stride[0] * conv.stride[1]


def scaled(conv: nn.Module, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the convolution ``scale conv(x) + shift``."""
    bias = shift if conv.bias is None else torch.addcmul(shift, scale, conv.bias)
    return scale[:, None, None, None] * conv.weight, bias


def conv_norm(norm: nn.Module, conv: nn.Module, x: Tensor) -> Tensor:
    """Return ``norm(conv(x))``.

    Where the norm is frozen, ``s (W x + c) + b = (s W) x + (s c + b)``: the norm is a product with the weights. The
    map before the norm is not written, read once more, and kept for the backward pass; autograd finds the norm's
    gradients through the weights. This is done where the map is larger than the weights.
    """
    affine = affine_of_frozen(norm) if map_is_larger(conv, x) else None
    return norm(conv(x)) if affine is None else conv._conv_forward(x, *scaled(conv, *affine))


def apply_in_sequence(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Apply layers one after another, a frozen norm together with the convolution before it (:func:`conv_norm`)."""
    layers = list(layers)
    while layers:
        layer = layers.pop(0)
        normed = layers and isinstance(layers[0], _BatchNorm)
        x = conv_norm(layers.pop(0), layer, x) if normed else layer(x)
    return x


class ConvSequential(nn.Sequential):
    """A Sequential that joins frozen norms to the convolutions before them."""

    def forward(self, x: Tensor) -> Tensor:
        return apply_in_sequence(self, x)
