"""The sandglass block of MobileNeXt (arXiv 2007.02269, ECCV 2020) as a plain torch module."""
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .conv_norm import ConvSequential

__all__ = ['Sandglass', 'divisible']


def divisible(value: float, divisor: int) -> int:
    """Return the multiple of ``divisor`` next to ``value``, the next one if that were below nine tenths of it."""
    result = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return result if result >= .9 * value else result + divisor


class Sandglass(nn.Module):
    r"""A residual block that is wide at its ends: depthwise 3x3 convolutions there, a bottleneck between (section 3.2).

    From i to o channels with stride s, DW being a depthwise 3x3 convolution, PW a 1x1 one, each without bias and
    followed by a norm, R6 a ReLU6:

    ==============================  =============================================================
    i = o and s = 1, t = 2 or kept  DW R6, PW (i to h), PW (h to o) R6, DW with stride s
    else, s = 2                     PW (i to h), PW (h to o) R6, DW with stride s
    else                            PW (i to h), PW (h to o) R6
    ==============================  =============================================================

    h is i / t, but where that is below o / 6, o / 6 rounded up to a multiple of 16. Where i = o, s = 1, t != 2 and not
    kept, the first o / d channels of the input are added to those of the result.

    Args:
        in_channels: channels i of the input (N, i, H, W).
        out_channels: channels o of the result (N, o, ceil(H / s), ceil(W / s)).
        stride: s, 1 or 2.
        reduction: t.
        kept: the block has the form of a block with a shortcut, but none.
        identity_divisor: d; the more, the less memory is read.
        dilation: of the depthwise convolutions.
        dilates: leave the stride out, for what follows to dilate in its place.
        norm: makes the norm layer for a number of channels.
        ends_at_expansion: the result is the map of the second 1x1 convolution, after its R6; nothing more is built.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 *,
                 stride: int = 1,
                 reduction: int = 6,
                 kept: bool = False,
                 identity_divisor: int = 1,
                 dilation: int = 1,
                 dilates: bool = False,
                 norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
                 ends_at_expansion: bool = False) -> None:
        super().__init__()
        keeps_shape = in_channels == out_channels and stride == 1
        adds = keeps_shape and reduction != 2 and not kept and not ends_at_expansion
        self.out_channels = out_channels
        self.identity_channels = out_channels // identity_divisor if adds else 0
        hidden_channels = in_channels // reduction
        if hidden_channels < out_channels / 6:
            hidden_channels = divisible(math.ceil(out_channels / 6), 16)

        def depthwise(channels: int, stride: int) -> list[nn.Module]:
            return [nn.Conv2d(channels, channels, 3, stride=stride, padding=dilation, dilation=dilation,
                              groups=channels, bias=False), norm(channels)]

        def pointwise(in_channels: int, out_channels: int) -> list[nn.Module]:
            return [nn.Conv2d(in_channels, out_channels, 1, bias=False), norm(out_channels)]

        layers = []
        has_both = keeps_shape or reduction == 2 or kept
        if has_both:
            layers += [*depthwise(in_channels, 1), nn.ReLU6(inplace=True)]
        layers += [*pointwise(in_channels, hidden_channels), *pointwise(hidden_channels, out_channels),
                   nn.ReLU6(inplace=True)]
        self.num_expanding = len(layers)
        if (has_both or stride == 2) and not ends_at_expansion:
            layers += depthwise(out_channels, 1 if dilates else stride)
        self.conv = ConvSequential(*layers)

    def with_expansion(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map of the second 1x1 convolution, after its R6, and the result."""
        expanded = self.conv[:self.num_expanding](x)
        return expanded, self._add(x, self.conv[self.num_expanding:](expanded))

    def forward(self, x: Tensor) -> Tensor:
        return self._add(x, self.conv(x))

    def _add(self, x: Tensor, out: Tensor) -> Tensor:
        shared = self.identity_channels
        if shared == 0:
            return out
        if shared == self.out_channels:
            return out + x
        return torch.cat([out[:, :shared] + x[:, :shared], out[:, shared:]], 1)
