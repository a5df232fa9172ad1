"""DGC: a convolution of heads, each of which keeps the input channels that it finds salient (arXiv 2007.04242)."""
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .composite_conv import CompositeConv2d

__all__ = ['DGConv2d']

RAMP = 1 / 12, 3 / 4  # of a training: where channels begin to be switched off, and where all are that will be


class _Head(nn.Module):
    """One head: its gate and its convolution."""

    def __init__(self, in_channels: int, hidden_channels: int, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.fc1 = nn.Linear(in_channels, hidden_channels, bias=False)
        self.fc2 = nn.Linear(hidden_channels, in_channels)
        nn.init.kaiming_normal_(conv.weight, mode='fan_out', nonlinearity='relu')
        nn.init.kaiming_normal_(self.fc1.weight)
        nn.init.kaiming_normal_(self.fc2.weight)
        nn.init.ones_(self.fc2.bias)  # gates start near 1

    def saliency(self, pooled: Tensor) -> Tensor:
        """Return how salient each channel (N, C) is, 0 or more, from the maps' means (N, C)."""
        return self.fc2(self.fc1(pooled).relu()).relu()


class DGConv2d(CompositeConv2d):
    r"""Dynamic group convolution (section 3) of H heads, with the norm and the ReLU before it.

    .. math::

        z = \mathrm{relu}(\mathrm{norm}(x)), \quad p = \mathrm{mean}_{H, W}(z), \quad
        m_h = \mathrm{relu}(F_2^h \, \mathrm{relu}(F_1^h p) + b^h), \quad y_h = W_h * (\mathrm{kept}(m_h) z)

    and the result's channel j H + h is channel j of y_h. ``kept`` sets to zero what is not above the n-th smallest of
    an image's m_h, n being the buffer ``_inactive_channels`` (0: keeps all); ties go with it. Pooled: what is padded to
    an image, and where it is cropped, changes its result. Multiplications are not saved.

    What a training does besides, :class:`layeragg_mm.engine.DynamicGroupHook` says between iterations:
    ``set_progress``, and ``lasso_weight``, times which the gradient of the lasso term :math:`\sum_h \mathrm{mean}(m_h)`
    joins that of the loss, as if the term was part of it.

    Args:
        norm: makes the norm layer for a number of channels.
        heads: H, a divisor of both numbers of channels.
        gate_factor: the share of channels that is kept in the end.
        others: as of :class:`torch.nn.Conv2d`; there is one group and no bias.

    Raises:
        ValueError: an argument that is not available.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0,
                 dilation: int = 1, groups: int = 1, bias: bool = True, padding_mode: str = 'zeros', *,
                 norm: Callable[[int], nn.Module] = nn.BatchNorm2d, heads: int = 4, gate_factor: float = .25) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode)
        if groups != 1 or bias:
            raise ValueError(f'groups={groups}, bias={bias} is not available; allowed: groups=1, bias=False')
        if heads < 1 or in_channels % heads or out_channels % heads:
            raise ValueError(f'heads={heads} is not available for {in_channels} and {out_channels} channels; allowed: '
                             'a divisor of both')
        if not 0 < gate_factor <= 1:
            raise ValueError(f'gate_factor={gate_factor} is not available; allowed: above 0, up to 1')
        self.heads, self.gate_factor = heads, gate_factor
        self.lasso_weight = 0.
        # Of integers, which no change of the weights' type rounds; of the published floats, the whole part.
        self.register_buffer('_inactive_channels', torch.zeros(1, dtype=torch.int64))
        self.norm = norm(in_channels)
        hidden = max(1, in_channels // (8 if in_channels < 80 else 16))  # of none, the gate would be constant
        for h in range(heads):
            conv = nn.Conv2d(in_channels, out_channels // heads, kernel_size, stride, padding, dilation, bias=False)
            self.add_module(f'headconv_{h}', _Head(in_channels, hidden, conv))

    def set_progress(self, progress: float) -> None:
        """Set n for a training of which the share ``progress`` is over; in its first twelfth n stays as it is."""
        begin, end = RAMP
        if progress > begin:
            share = 1 if progress >= end else (progress - begin) * 3 / 2
            self._inactive_channels.fill_(round(self.in_channels * (1 - self.gate_factor) * share))

    def forward(self, x: Tensor) -> Tensor:
        z = self.norm(x).relu()
        heads = [getattr(self, f'headconv_{h}') for h in range(self.heads)]
        pooled = z.mean((2, 3))
        outs = [head.conv(self._kept(head.saliency(pooled))[:, :, None, None] * z) for head in heads]
        return torch.stack(outs, 2).flatten(1, 2)

    def lasso(self, x: Tensor) -> Tensor:
        """Return the lasso term of a map (N, C, H, W): a number."""
        pooled = self.norm(x).relu().mean((2, 3))
        return sum(getattr(self, f'headconv_{h}').saliency(pooled).mean() for h in range(self.heads))

    def _kept(self, saliency: Tensor) -> Tensor:
        if self.training and self.lasso_weight:
            saliency = _WithGradient.apply(saliency, self.lasso_weight / max(1, saliency.numel()))
        # Without reading n into the program, which a graph could not follow.
        n = self._inactive_channels.clamp(0, self.in_channels)
        ordered = saliency.detach().sort(1).values
        below = F.pad(ordered, (1, 0), value=-1.)  # of n = 0: nothing is as small
        threshold = below.gather(1, n.expand(below.shape[0], 1))
        return saliency * (saliency > threshold)


class _WithGradient(torch.autograd.Function):
    """The identity; its gradient has a number more."""

    @staticmethod
    def forward(ctx, x: Tensor, gradient: float) -> Tensor:
        ctx.gradient = gradient
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        return grad + ctx.gradient, None
