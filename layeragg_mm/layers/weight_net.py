"""WeightNet: a convolution whose kernel is made for each image from its pooled features (arXiv 2007.11823)."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .forms import replaceable

__all__ = ['WeightNetConv2d', 'gated_and_normed', 'reduced_width']

GATES = 2  # for each filter: M = G = 2 of the paper


def reduced_width(in_channels: int) -> int:
    """Return the width to which a block's pooled features are reduced: a 16th, and 16 at least."""
    return max(16, in_channels // 16)


class WeightNetConv2d(nn.Conv2d):
    r"""WeightNet's convolution (section 3.2, M = G = 2), with static kernels.

    Published is a kernel K for each image, K = F_2 a, of the gates a of each filter. As F_2 is grouped, it scales each
    half g of the input channels of filter o by one gate, so that with x_g these halves of the map and V the ``weight``
    (out, in, k, k), F_2's,

    .. math::

        p = R \, \mathrm{mean}_{H, W}(x) + r, \quad a = \sigma(F_1 p + f_1), \quad
        y_o = \sum_{g = 1, 2} a_{o, g} (V_{o, g} * x_g)

    is the same: a grouped convolution, a product, a sum. A depthwise convolution has one gate a channel,
    ``y = a (V * x)``. Pooled: what is padded to an image, and where it is cropped, changes its result.

    A norm's scale can be folded into V, and its shift is a bias after the sum. The published layout's
    ``wn_fc2.weight`` loads as ``weight``, in any shape.

    Args:
        args, kwargs: those of :class:`torch.nn.Conv2d`; one group, or depthwise.
        reduced_channels: of p, where a block makes it for all its layers and calls ``layer(x, p)``; None: the layer
            itself does (``reduce``).

    Raises:
        ValueError: an argument that is not available.
    """

    def __init__(self, *args, reduced_channels: int | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.depthwise = 1 < self.groups == self.in_channels == self.out_channels
        if not self.depthwise and (self.groups != 1 or self.in_channels % GATES):
            raise ValueError(f'groups={self.groups} is not available for {self.in_channels} and {self.out_channels} '
                             f'channels; allowed: 1, of an even number of input channels, or a group for each channel')
        if self.padding_mode != 'zeros':
            raise ValueError(f"padding_mode={self.padding_mode!r} is not available; allowed: 'zeros'")
        width = reduced_channels or reduced_width(self.in_channels)
        self.reduce = None if reduced_channels else nn.Conv2d(self.in_channels, width, 1)
        self.wn_fc1 = nn.Conv2d(width, self.out_channels * (1 if self.depthwise else GATES), 1)
        self.init_weights()

    @torch.no_grad()
    def init_weights(self) -> None:
        """Initialise as published: V and F_1 normal, deviations 2 / (in k k), depthwise 1 / (k k), and 1 / reduced."""
        for conv in (self.wn_fc1, self.reduce):
            if conv is not None:
                nn.init.normal_(conv.weight, std=1 / conv.in_channels)
                nn.init.zeros_(conv.bias)
        inputs = self.weight[0].numel()
        nn.init.normal_(self.weight, std=(1 if self.depthwise else GATES) / inputs)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, pooled: Tensor | None = None) -> Tensor:
        """Return y for a map (N, in, H, W), and the block's p (N, reduced, 1, 1) where the block makes it."""
        return self._gated(x, self.weight, self.bias, pooled)

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        # mmcv joins a frozen norm with a convolution by calling this with scaled weights.
        return self._gated(x, weight, bias, None)

    @replaceable
    def _gated(self, x: Tensor, weight: Tensor, bias: Tensor | None, pooled: Tensor | None) -> Tensor:
        if self.reduce is not None:
            pooled = self.reduce(x.mean((2, 3), keepdim=True))
        gates = self.wn_fc1(pooled).sigmoid()
        if self.depthwise:
            out = gates * F.conv2d(x, weight, None, self.stride, self.padding, self.dilation, self.groups)
        else:
            # As groups of one convolution: of all filters the first half of the inputs, then of all the second.
            halves = weight.unflatten(1, (GATES, -1)).transpose(0, 1).flatten(0, 1)
            out = F.conv2d(x, halves, None, self.stride, self.padding, self.dilation, GATES)
            (one, other), (gate, other_gate) = out.chunk(GATES, 1), gates.unflatten(1, (-1, GATES)).unbind(2)
            out = gate * one + other_gate * other
        return out if bias is None else out + bias[:, None, None]

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        weight = state_dict.pop(f'{prefix}wn_fc2.weight', None)
        if weight is not None:
            state_dict[f'{prefix}weight'] = weight.reshape(self.weight.shape)
            for key in ('reduce.bias', 'wn_fc1.bias'):  # MegEngine's are (1, C, 1, 1)
                if f'{prefix}{key}' in state_dict:
                    state_dict[f'{prefix}{key}'] = state_dict[f'{prefix}{key}'].flatten()
        super()._load_from_state_dict(state_dict, prefix, *args)


@replaceable
def gated_and_normed(layers: Sequence[tuple[WeightNetConv2d, nn.Module]], x: Tensor, pooled: Tensor) -> Tensor:
    """Return the map after each convolution and its norm, between which there is no activation; p is ``pooled``."""
    for conv, norm in layers:
        x = norm(conv(x, pooled))
    return x


class WeightNetShuffleBlock(nn.Module):
    """ShuffleNetV2's block, whose convolutions are WeightNet's: one ``reduce`` makes p for all of them.

    Of stride 1, it deals the channels out in turn to two halves, passes the first on, and convolves the other (1x1,
    depthwise 3x3, 1x1). Of stride 2, one branch of the input is projected (depthwise 3x3, 1x1) where the other is
    convolved. The result is both, one after the other.

    Args:
        norm: makes the norm layer for a number of channels.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, norm) -> None:
        super().__init__()
        inputs, width = in_channels if stride > 1 else in_channels // 2, out_channels // 2
        passed = in_channels if stride > 1 else in_channels - inputs
        reduced = reduced_width(inputs)

        def conv(in_channels: int, out_channels: int, kernel_size: int = 1, **kwargs) -> WeightNetConv2d:
            return WeightNetConv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False,
                                   reduced_channels=reduced, **kwargs)

        self.stride = stride
        self.reduce = nn.Conv2d(inputs, reduced, 1)
        self.wnet1, self.bn1 = conv(inputs, width), norm(width)
        self.wnet2, self.bn2 = conv(width, width, 3, stride=stride, groups=width), norm(width)
        self.wnet3, self.bn3 = conv(width, out_channels - passed), norm(out_channels - passed)
        if stride > 1:
            self.wnet_proj_1, self.bn_proj_1 = conv(inputs, inputs, 3, stride=stride, groups=inputs), norm(inputs)
            self.wnet_proj_2, self.bn_proj_2 = conv(inputs, inputs), norm(inputs)
        nn.init.normal_(self.reduce.weight, std=1 / inputs)
        nn.init.zeros_(self.reduce.bias)

    def forward(self, x: Tensor) -> Tensor:
        passed, x = (x, x) if self.stride > 1 else x.unflatten(1, (-1, 2)).unbind(2)
        pooled = self.reduce(x.mean((2, 3), keepdim=True))
        if self.stride > 1:
            passed = gated_and_normed(
                [(self.wnet_proj_1, self.bn_proj_1), (self.wnet_proj_2, self.bn_proj_2)], passed, pooled).relu_()
        x = gated_and_normed([(self.wnet1, self.bn1)], x, pooled).relu_()
        x = gated_and_normed([(self.wnet2, self.bn2), (self.wnet3, self.bn3)], x, pooled).relu_()
        return torch.cat([passed, x], 1)
