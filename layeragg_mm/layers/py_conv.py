"""PyConv: a pyramid of kernels, whose larger ones have more groups (arXiv 2006.11538)."""
import torch
from torch import Tensor, nn

from .composite_conv import CompositeConv2d

__all__ = ['PyConv2d', 'level_widths']

SHARES = {1: (1,), 2: (2, 2), 3: (4, 4, 2), 4: (4, 4, 4, 4)}  # of the output: one half, one quarter


def level_widths(out_channels: int, levels: int) -> tuple[int, ...]:
    """Return the output channels of each level: halves, or quarters of which the last of three levels has two.

    Raises:
        ValueError: there are not 1 to 4 levels, or the channels cannot be shared out so.
    """
    if levels not in SHARES:
        raise ValueError(f'PyConv has 1 to {max(SHARES)} levels; got {levels}')
    if any(out_channels % share for share in SHARES[levels]):
        raise ValueError(f'{out_channels} channels do not give {levels} levels of PyConv: one in '
                         f'{" + ".join(map(str, SHARES[levels]))} each')
    return tuple(out_channels // share for share in SHARES[levels])


class PyConv2d(CompositeConv2d):
    r"""Pyramidal convolution (section 3): with levels l of kernels k_l and groups g_l, all of which read every channel,

    .. math::

        y = \mathrm{concat}_l (W_l * x)

    on maps of the size that a 3x3 convolution gives: a level's padding is ``dilation * (k_l // 2)``. A level's norm can
    be folded into it. Parameters: ``pyconv_levels.{l}.weight`` (out_l, in / g_l, k_l, k_l), as published.

    Args:
        kernel_size: of the convolution whose place it takes: 3, with ``padding`` equal to ``dilation``, and one group.
        kernels: k_l, odd.
        level_groups: g_l.
        others: as of :class:`torch.nn.Conv2d`.

    Raises:
        ValueError: an argument that is not available.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1, padding: int = 1,
                 dilation: int = 1, groups: int = 1, bias: bool = True, padding_mode: str = 'zeros', *,
                 kernels: tuple[int, ...] = (3, 5, 7, 9), level_groups: tuple[int, ...] = (1, 4, 8, 16)) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode)
        if self.kernel_size != (3, 3) or self.padding != self.dilation or groups != 1:
            raise ValueError('PyConv takes the place of a 3x3 convolution with padding equal to dilation and one group,'
                             f' got {self.kernel_size}, {self.padding}, {self.dilation}, {groups}')
        if len(kernels) != len(level_groups) or any(kernel % 2 == 0 for kernel in kernels):
            raise ValueError(f'kernels={kernels!r}, level_groups={level_groups!r} are not available; allowed: as many '
                             'groups as kernels, and odd kernels')
        self.pyconv_levels = nn.ModuleList(
            nn.Conv2d(in_channels, width, kernel, stride, [kernel // 2 * step for step in self.dilation], dilation,
                      level_groups[level], bias)
            for level, (width, kernel) in enumerate(zip(level_widths(out_channels, len(kernels)), kernels)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([level(x) for level in self.pyconv_levels], 1)
