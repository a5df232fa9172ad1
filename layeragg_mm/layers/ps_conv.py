r"""PSConv: a 3x3 kernel whose taps spread by a rate that depends on the channels (arXiv 2007.06191).

The channels of input and output, of each group of them, make four parts. With parts a of the output and b of the input,
and rates (r0, r1, r2),

.. math::

    y_a = \sum_b W[a, b] * x_b, \qquad \mathrm{rate}(a, b) =
    r_1 \;(b = a), \quad r_2 \;(b = a + 2 \bmod 4), \quad r_0 \;(\mathrm{else})

where the rate is dilation and padding: with (1, 2, 4) the paper's cycle 1, 2, 1, 4, turned from part to part.
"""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from .composite_conv import CompositeConv2d
from .forms import replaceable

__all__ = ['PARTS', 'PSConv2d', 'ReleasedPSConv2d']

PARTS = 4
OPPOSITE = (2, 3, 0, 1)  # a + 2 of each part a
OTHERS = (1, 3, 0, 2)  # what parts 0 and 2 read at r0, then what parts 1 and 3 do
EVEN_FIRST = (0, 2, 1, 3)  # its own inverse
NEARLY_ZERO = 1e-6  # of the largest weight


class PSConv2d(nn.Conv2d):
    """PSConv with a plain convolution's one ``weight`` (out, in / groups, 3, 3), its parameters and FLOPs.

    A plain convolution's state loads, and is another function here. The published layout (``gwconv``, ``gwconv_shift``,
    ``conv``) loads where it is this function: where ``conv`` is zero at what the other two serve.

    Args:
        rates: (r0, r1, r2), times ``dilation``.
        args, kwargs: those of :class:`torch.nn.Conv2d`; ``kernel_size`` is 3, ``padding`` equals ``dilation``.

    Raises:
        ValueError: an argument that is not available.
        InputError: a published state that one weight cannot hold.
    """

    def __init__(self, *args, rates: tuple[int, int, int] = (1, 2, 4), **kwargs) -> None:
        super().__init__(*args, **kwargs)
        _check_geometry(self, rates)
        self.rates = rates

    @replaceable
    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        # Here, since mmcv joins a frozen norm with a convolution by calling this with scaled weights.
        blocks, groups, parts = _blocks(weight, self.groups), self.groups, range(PARTS)
        own = torch.stack([blocks[:, a, :, a] for a in parts], 1).flatten(0, 2)
        opposite = torch.stack([blocks[:, a, :, OPPOSITE[a]] for a in parts], 1).flatten(0, 2)
        # Half the outputs read half the inputs: two groups in one.
        others = torch.stack([blocks[:, a::2, :, 1 - a::2] for a in (0, 1)], 1).flatten(0, 3).flatten(1, 2)
        out = self._at_rate(1, x, own, groups * PARTS, bias)
        out = out + self._at_rate(2, _reordered(x, OPPOSITE, groups), opposite, groups * PARTS)
        return out + _reordered(self._at_rate(0, _reordered(x, OTHERS, groups), others, groups * 2), EVEN_FIRST, groups)

    def _at_rate(self, index: int, x: Tensor, kernel: Tensor, groups: int, bias: Tensor | None = None) -> Tensor:
        rate = tuple(self.rates[index] * dilation for dilation in self.dilation)
        return F.conv2d(x, kernel, bias, self.stride, rate, rate, groups)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        if f'{prefix}gwconv.weight' in state_dict:
            self._merge_published(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @torch.no_grad()
    def _merge_published(self, state_dict: dict, prefix: str) -> None:
        names = ('gwconv', 'gwconv_shift', 'conv')
        own, opposite, dense = (state_dict.pop(f'{prefix}{name}.weight') for name in names)
        of_part = (self.weight.shape[0], self.weight.shape[1] // PARTS, *self.kernel_size)
        for name, published, shape in zip(names, (own, opposite, dense), (of_part, of_part, self.weight.shape)):
            if published.shape != shape:
                raise InputError(f'{prefix}{name}.weight of a PSConv checkpoint is {tuple(published.shape)}, and this '
                                 f'layer has {tuple(shape)}', 'Give the checkpoint of this very network.')
        served = dense[_served(self, PARTS).to(dense.device)].abs().max()
        if served > NEARLY_ZERO * dense.abs().max():
            raise InputError(
                f'{prefix}conv.weight of a PSConv checkpoint is up to {served:.3g} where its mask should be zero, so '
                'that the layer is no PSConv with one weight',
                "Set form='literal' for what the released code computes; released PS-ResNeXts are such.")
        weight = dense.clone()
        blocks = _blocks(weight, self.groups)
        for source, inputs in ((own, range(PARTS)), (opposite, OPPOSITE)):
            source = source.unflatten(0, (self.groups, PARTS, -1))
            for a, b in enumerate(inputs):
                blocks[:, a, :, b] = source[:, a]
        state_dict[f'{prefix}weight'] = weight
        biases = [state_dict.pop(f'{prefix}{name}.bias') for name in names if f'{prefix}{name}.bias' in state_dict]
        if biases:
            state_dict[f'{prefix}bias'] = sum(biases)


class ReleasedPSConv2d(CompositeConv2d):
    """PSConv as the authors' code computes it: three convolutions, and a mask on the gradient of the dense one.

    ``gwconv`` has r1, ``gwconv_shift``, of the input with the halves of each group swapped, r2, ``conv`` r0. What the
    first two serve should be zero in ``conv``: it starts so and gets no gradient, but counts if it is not. With groups
    (PS-ResNeXt) the released mask misses rows: in parts of rows, part i of group j begins at i + 4 j, and the mask has
    i + groups j.

    Args:
        rates: (r0, r1, r2), times ``dilation``.
        others: as of :class:`torch.nn.Conv2d`; ``kernel_size`` is 3, ``padding`` equals ``dilation``.

    Raises:
        ValueError: an argument that is not available.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0,
                 dilation: int = 1, groups: int = 1, bias: bool = True, padding_mode: str = 'zeros', *,
                 rates: tuple[int, int, int] = (1, 2, 4)) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode)
        _check_geometry(self, rates)

        def conv(rate: int, groups: int) -> nn.Conv2d:
            rate = tuple(rate * dilation for dilation in self.dilation)
            return nn.Conv2d(in_channels, out_channels, 3, stride, rate, rate, groups, bias)

        self.gwconv = conv(rates[1], groups * PARTS)
        self.gwconv_shift = conv(rates[2], groups * PARTS)
        self.conv = conv(rates[0], groups)
        self.register_buffer('masked', _served(self, groups)[:, :, None, None], persistent=False)
        self.init_weights()

    @torch.no_grad()
    def init_weights(self) -> None:
        """Put the zeros back that an initialisation of all convolutions has overwritten."""
        self.conv.weight.masked_fill_(self.masked, 0)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.conv.weight
        out = self.gwconv(x) + self.gwconv_shift(_reordered(x, OPPOSITE, self.groups))
        return out + self.conv._conv_forward(x, torch.where(self.masked, weight.detach(), weight), self.conv.bias)


def _check_geometry(conv: nn.Conv2d | CompositeConv2d, rates: tuple[int, int, int]) -> None:
    if (not isinstance(rates, (tuple, list)) or len(rates) != 3
            or not all(isinstance(rate, int) and rate > 0 for rate in rates)):
        raise ValueError(f'rates={rates!r} is not available; allowed: three whole numbers, 1 or more')
    if conv.kernel_size != (3, 3) or conv.padding != conv.dilation or conv.padding_mode != 'zeros':
        raise ValueError(f'PSConv has kernel_size 3, padding equal to dilation, and zeros around the map; got '
                         f'{conv.kernel_size}, {conv.padding}, {conv.dilation}, {conv.padding_mode!r}')
    if conv.in_channels % (PARTS * conv.groups) or conv.out_channels % (PARTS * conv.groups):
        raise ValueError(f'PSConv makes {PARTS} parts of the channels of each group, which {conv.in_channels} and '
                         f'{conv.out_channels} channels in {conv.groups} groups do not give')


def _blocks(weight: Tensor, groups: int) -> Tensor:
    """Return a view (group, a, out of a part, b, in of a part, 3, 3) of a weight."""
    return weight.unflatten(1, (PARTS, -1)).unflatten(0, (groups, PARTS, -1))


def _reordered(x: Tensor, order: tuple[int, ...], groups: int) -> Tensor:
    """Return a map (N, C, H, W) with the parts of each group in this order."""
    parts = x.chunk(groups * PARTS, 1)
    return torch.cat([parts[group * PARTS + part] for group in range(groups) for part in order], 1)


def _served(conv: nn.Conv2d | CompositeConv2d, step: int) -> Tensor:
    """Return where (out, in / groups) the dense weight should be zero, with ``step`` parts of rows between groups."""
    rows = conv.out_channels // (conv.groups * PARTS)
    mask = torch.zeros(conv.out_channels, conv.in_channels // conv.groups, dtype=torch.bool)
    for group in range(conv.groups):
        for part in range(PARTS):
            of_part = mask[(part + group * step) * rows:][:rows].unflatten(1, (PARTS, -1))
            of_part[:, [part, OPPOSITE[part]]] = True
    return mask
