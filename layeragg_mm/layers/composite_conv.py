"""What a layer that is made of several convolutions tells of itself: what its callers ask an nn.Conv2d for."""
from torch import nn
from torch.nn.modules.utils import _pair

__all__ = ['CompositeConv2d']


class CompositeConv2d(nn.Module):
    """Base of layers that take the place of an nn.Conv2d, and have its geometry, without being one.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups: as of :class:`torch.nn.Conv2d`, kept
            under these names.
        padding_mode: 'zeros' alone.
    """

    transposed = False
    output_padding = (0, 0)

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int],
                 stride: int | tuple[int, int] = 1, padding: int | tuple[int, int] = 0,
                 dilation: int | tuple[int, int] = 1, groups: int = 1, padding_mode: str = 'zeros') -> None:
        super().__init__()
        if padding_mode != 'zeros':
            raise ValueError(f"padding_mode={padding_mode!r} is not available; allowed: 'zeros'")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.padding_mode = padding_mode
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)

    def extra_repr(self) -> str:
        return (f'{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, '
                f'dilation={self.dilation}, groups={self.groups}')
