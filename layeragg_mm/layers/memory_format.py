"""Where channels_last pays, and who cannot read it."""
from collections.abc import Sequence

import torch
from mmcv.ops import DeformConv2d, ModulatedDeformConv2d
from torch import Tensor, nn

from .frozen_norm import affines_at_once
from .recording import is_exported

__all__ = ['ChannelsLastMixin', 'reads_channels_last', 'to_contiguous']

TILE = 256  # pixels


class ChannelsLastMixin:
    """A backbone or neck that computes its ``features`` in channels_last where that is faster: on the CPU.

    There every convolution of a contiguous map copies it to a blocked layout and its result back, and a depthwise
    one takes several times as long. What is contiguous gives contiguous outputs: mmcv's RoIAlign reads nothing else.
    Everywhere, the affine maps of its frozen norms are computed at once.
    """

    def forward(self, inputs: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the ``features`` of images (N, C, H, W), or of the maps that a neck reads."""
        maps = [inputs] if isinstance(inputs, Tensor) else inputs
        exchanged = all(x.device.type == 'cpu' and x.is_contiguous() for x in maps) and reads_channels_last(self)
        if exchanged:
            maps = [x.contiguous(memory_format=torch.channels_last) for x in maps]
        with affines_at_once(self):
            outs = self.features(maps[0] if isinstance(inputs, Tensor) else maps)
        return tuple(to_contiguous(out) for out in outs) if exchanged else outs

    def forward_literal(self, inputs: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The same in the layout of the inputs."""
        return self.features(inputs)


def reads_channels_last(module: nn.Module) -> bool:
    """Whether every part of ``module`` can; mmcv's deformable convolutions read a map as if it were contiguous."""
    return not any(isinstance(part, (DeformConv2d, ModulatedDeformConv2d)) for part in module.modules())


def to_contiguous(x: Tensor) -> Tensor:
    """Return a channels_last map (N, C, H, W) as contiguous; gradients go back as channels_last."""
    return x.contiguous() if is_exported() or x.device.type != 'cpu' else _ToContiguous.apply(x)


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
