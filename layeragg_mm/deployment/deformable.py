"""Deformable convolution by ONNX's operators: the pixels between pixels that it reads are sampled first."""
import torch
import torch.nn.functional as F
from mmcv.ops import DeformConv2dPack, ModulatedDeformConv2dPack
from torch import Tensor, nn

from ..necks.deformable import DeformableConv2d

__all__ = ['DEFORMABLE', 'SampledConv2d']

DEFORMABLE = DeformableConv2d, ModulatedDeformConv2dPack, DeformConv2dPack


class SampledConv2d(nn.Module):
    r"""A deformable convolution (arXiv 1703.06211; modulated: 1811.11168) as sampling and a 1x1 convolution:

    .. math::

        y(p) = \sum_k w_k \, m_k(p) \, x(p + p_k + o_k(p))

    All x(p + p_k + o_k(p)) of the K places k of the kernel, bilinear between pixels and 0 outside, come of one
    GridSample, as K times the channels.

    Args:
        conv: :class:`~layeragg_mm.necks.deformable.DeformableConv2d` or mmcv's ``ModulatedDeformConv2dPack`` or
            ``DeformConv2dPack``, whose layers this one has.
    """

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        told = conv.conv_offset(x)
        (kernel_height, kernel_width), groups = conv.kernel_size, conv.deform_groups
        kernel = kernel_height * kernel_width
        images, _, height, width = told.shape
        offset = told[:, :2 * groups * kernel].reshape(images * groups, kernel, 2, height, width)
        taps = torch.arange(kernel, device=x.device)
        row = _places(height, taps // kernel_width, conv, 0, x).unsqueeze(-1) + offset[:, :, 0]
        column = _places(width, taps % kernel_width, conv, 1, x).unsqueeze(-2) + offset[:, :, 1]
        grid = torch.stack([_scaled(column, x.shape[3]), _scaled(row, x.shape[2])], -1)
        maps = x.reshape(images * groups, -1, x.shape[2], x.shape[3])
        read = F.grid_sample(maps, grid.flatten(1, 2), align_corners=False)
        read = read.reshape(images, groups, -1, kernel, height, width)
        if not isinstance(conv, DeformConv2dPack):
            mask = told[:, 2 * groups * kernel:].sigmoid()
            read = read * mask.reshape(images, groups, 1, kernel, height, width)
        weight, bias = conv.weight.flatten(1)[..., None, None], getattr(conv, 'bias', None)
        return F.conv2d(read.reshape(images, -1, height, width), weight, bias, groups=conv.groups)


def _places(length: int, taps: Tensor, conv: nn.Module, axis: int, x: Tensor) -> Tensor:
    """Return (K, length): the row or column that each place of the kernel reads for each output, before offsets."""
    outputs = torch.arange(length, device=x.device) * conv.stride[axis] - conv.padding[axis]
    return (outputs + taps[:, None] * conv.dilation[axis]).to(x.dtype)


def _scaled(places: Tensor, length: int) -> Tensor:
    """Return places in pixels as GridSample counts them, from -1 to 1 over a line of ``length`` pixels."""
    return (2 * places + 1) / length - 1
