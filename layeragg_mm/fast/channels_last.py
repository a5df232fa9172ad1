"""A network that computes in channels_last, the outermost of the forms.

On the CPU every convolution of a contiguous map copies it to a blocked layout and its result back, and a depthwise one
takes several times as long. What is contiguous gives contiguous outputs: mmcv's RoIAlign reads nothing else.
"""
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..layers.forms import Form, replaceable

__all__ = ['channels_last', 'reads_channels_last', 'to_contiguous']

form = Form('channels_last')
TILE = 256  # pixels


def channels_last(forward: Callable) -> Callable:
    """Let a network's ``forward``, from images or maps (N, C, H, W) to a tuple of maps, compute in channels_last."""
    forward = replaceable(forward)

    @form.replaces(forward)
    def laid_out(network: nn.Module, *args, **kwargs) -> tuple[Tensor, ...]:
        inputs, = *args, *kwargs.values()
        maps = [inputs] if isinstance(inputs, Tensor) else inputs
        for x in maps:
            if x.device.type not in form.devices or not x.is_contiguous():
                return NotImplemented
        if not reads_channels_last(network):
            return NotImplemented
        maps = [x.contiguous(memory_format=torch.channels_last) for x in maps]
        outs = forward.literal(network, maps[0] if isinstance(inputs, Tensor) else maps)
        return tuple([to_contiguous(out) for out in outs])

    return forward


def reads_channels_last(network: nn.Module) -> bool:
    """Whether every part of ``network`` can; mmcv's own operators, as deformable convolutions, cannot.

    They read a map as if it were contiguous. Looked up each time, since a part can be replaced.
    """
    homes = {base.__module__ for part in network.modules() for base in type(part).__mro__}
    return not any(home.startswith('mmcv.ops') for home in homes)


def to_contiguous(x: Tensor) -> Tensor:
    """Return a channels_last map (N, C, H, W) as contiguous; gradients go back as channels_last."""
    if x.device.type != 'cpu' or torch.compiler.is_exporting() or torch.jit.is_tracing():
        return x.contiguous()
    return _ToContiguous.apply(x)


class _ToContiguous(torch.autograd.Function):
    """Some pixels at a time: with a channel's pixels C apart, what is read of a whole map leaves the cache too soon."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling():  # inductor has its own way
            return x.contiguous()
        out = torch.empty_like(x, memory_format=torch.contiguous_format)
        for source, target in zip(x.flatten(2).split(TILE, 2), out.flatten(2).split(TILE, 2)):
            target.copy_(source)
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        return grad.contiguous(memory_format=torch.channels_last)
