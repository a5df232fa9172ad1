"""Iterative deep aggregation: features of several scales upsampled and joined (DLA, CVPR 2018, arXiv 1707.06484).

Feature maps are (N, C, H, W). A coarse feature is fitted to the finer one's size, so any sizes aggregate.
"""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .conv_norm import ConvSequential
from .dla import Conv, Norm, conv2d

__all__ = ['IterativeAggregation', 'UpAggregation', 'bilinear_upsampling']


def bilinear_upsampling(channels: int, factor: int) -> nn.Module:
    """Return a depthwise transposed convolution (kernel 2f, stride f) that starts as bilinear interpolation.

    It maps n pixels to n * f; for an odd f to n * f + 1, of which the last is to be cropped. The identity for f = 1.
    """
    if factor == 1:
        return nn.Identity()
    up = nn.ConvTranspose2d(channels, channels, 2 * factor, stride=factor, padding=factor // 2, groups=channels,
                            bias=False)
    centre = factor - (0.5 if factor % 2 == 0 else 1)
    line = 1 - (torch.arange(2 * factor) - centre).abs() / factor
    with torch.no_grad():
        up.weight.copy_(line[:, None] * line)
    return up


class IterativeAggregation(nn.Module):
    r"""Iterative deep aggregation (IDA, section 3.1) of features from fine to coarse, at the finest one's size.

    .. math::

        x_0 = \mathrm{proj}_0(f_0), \quad x_i = \mathrm{node}_i([x_{i-1}, \mathrm{up}_i(\mathrm{proj}_i(f_i))])

    ``proj``: 1x1 convolution, norm, ReLU, where the channels change; ``up``: :func:`bilinear_upsampling`, fitted to the
    size of ``f_0``; ``node``: 3x3 convolution of the concatenation, norm, ReLU.

    Args:
        in_channels: channels of each feature, the finest first.
        out_channels: channels of the results.
        factors: by how much each feature is upsampled; 1 for the first.
        norm: makes the norm layer for a number of channels.
        conv: makes the convolutions of ``proj`` and ``node``, as :func:`~layeragg_mm.layers.dla.conv2d`.
        sums: the form of CenterNet (arXiv 1904.07850): ``proj`` is 3x3, the node takes the sum, and every feature but
            the first is projected whatever its channels.
    """

    def __init__(self,
                 in_channels: Sequence[int],
                 out_channels: int,
                 *,
                 factors: Sequence[int],
                 norm: Norm = nn.BatchNorm2d,
                 conv: Conv = conv2d,
                 sums: bool = False) -> None:
        super().__init__()
        self.sums = sums

        def layer(in_channels: int, kernel_size: int) -> nn.Module:
            return ConvSequential(
                conv(in_channels, out_channels, kernel_size), norm(out_channels), nn.ReLU(inplace=True))

        levels = range(len(in_channels))
        self.proj = nn.ModuleList(
            layer(in_channels[i], 3 if sums else 1) if in_channels[i] != out_channels or (sums and i) else nn.Identity()
            for i in levels)
        self.up = nn.ModuleList(bilinear_upsampling(out_channels, factors[i]) for i in levels)
        self.node = nn.ModuleList(
            layer(out_channels if sums else 2 * out_channels, 3) if i else nn.Identity() for i in levels)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return ``[x_1, ..., x_m]``, each (N, out_channels, H_0, W_0); the last holds all features."""
        x = self.proj[0](features[0])
        results = []
        for i in range(1, len(features)):
            coarse = _fit(self.up[i](self.proj[i](features[i])), x.shape[-2:])
            x = self.node[i](x + coarse if self.sums else torch.cat([x, coarse], 1))
            results.append(x)
        return results


def _fit(x: Tensor, size: Sequence[int]) -> Tensor:
    """Return ``x`` cropped at the bottom and right to ``size``, or continued by its edge where it is smaller."""
    x = x[..., :size[0], :size[1]]
    missing = size[0] - x.shape[-2], size[1] - x.shape[-1]
    return F.pad(x, (0, missing[1], 0, missing[0]), mode='replicate') if any(missing) else x


class UpAggregation(nn.Module):
    """The paper's upsampling for dense prediction (section 4.2, figure 5): IDA of the two coarsest features at the size
    of the finer one, then of the last three, and so on; each pass puts its results in the place of what it read.

    Args:
        in_channels: channels of each feature, the finest first; two at least.
        out_channels: channels of the finest result; as the finest feature by default.
        strides: of each feature; each a multiple of the one before.
        norm, conv, sums: as :class:`IterativeAggregation`.
    """

    def __init__(self,
                 in_channels: Sequence[int],
                 *,
                 out_channels: int | None = None,
                 strides: Sequence[int],
                 norm: Norm = nn.BatchNorm2d,
                 conv: Conv = conv2d,
                 sums: bool = False) -> None:
        super().__init__()
        channels = [out_channels or in_channels[0], *in_channels[1:]]
        coarsest = len(in_channels) - 1
        # By the turn of level i, all coarser features have the channels and the stride of level i + 1.
        self.idas = nn.ModuleList(
            IterativeAggregation(
                [in_channels[i]] + [channels[i + 1]] * (coarsest - i),
                channels[i],
                factors=[1] + [strides[i + 1] // strides[i]] * (coarsest - i),
                norm=norm,
                conv=conv,
                sums=sums) for i in reversed(range(coarsest)))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return, per level and at its own stride, the aggregate of this and all coarser features.

        The channels are those of the features, for the first ``out_channels``; the last is the last feature as it came.
        """
        features = list(features)
        results = [features[-1]]
        for i, ida in zip(reversed(range(len(features) - 1)), self.idas):
            features[i + 1:] = ida(features[i:])
            results.insert(0, features[-1])
        return results
