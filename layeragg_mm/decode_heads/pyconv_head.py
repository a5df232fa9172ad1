"""The parsing head of PyConvSegNet."""
import re
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmengine.registry import MODELS
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from ..checkpoints import ReleasedCheckpointMixin
from ..checkpoints.py_conv import translate_pyconv_head
from ..layers.py_conv import PyConv2d

__all__ = ['PyConvHead']


class _Local(nn.Module):
    """1x1, pyramid, 1x1, each with norm and ReLU; kept in ``layers`` as published."""

    def __init__(self, in_channels: int, width: int, out_channels: int, norm_cfg: dict) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_context(in_channels, width, out_channels, norm_cfg))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class _Global(nn.Module):
    """The same on a map pooled to 9x9, resized to the map's size."""

    def __init__(self, in_channels: int, width: int, norm_cfg: dict, pooled_size: int = 9) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.AdaptiveAvgPool2d(pooled_size), *_context(in_channels, width, width, norm_cfg))

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.features(x), size=x.shape[2:], mode='bilinear', align_corners=True)


class _Merge(nn.Module):

    def __init__(self, in_channels: int, out_channels: int, norm_cfg: dict) -> None:
        super().__init__()
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.features = nn.Sequential(*_normed(conv, norm_cfg))

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)


def _normed(conv: nn.Module, norm_cfg: dict) -> list[nn.Module]:
    return [conv, build_norm_layer(norm_cfg, conv.out_channels)[1], nn.ReLU(inplace=True)]


def _context(in_channels: int, width: int, out_channels: int, norm_cfg: dict) -> list[nn.Module]:
    convs = (nn.Conv2d(in_channels, width, 1, bias=False), PyConv2d(width, width, bias=False),
             nn.Conv2d(width, out_channels, 1, bias=False))
    return [layer for conv in convs for layer in _normed(conv, norm_cfg)]


@MODELS.register_module()
class PyConvHead(ReleasedCheckpointMixin, BaseDecodeHead):
    """Local and global context by pyramids of kernels, merged (PyConvSegNet, arXiv 2006.11538, section 5).

    On one map (N, in_channels, h, w), the last of a :class:`~layeragg_mm.backbones.PyConvResNet` of output stride 8: a
    local branch of a quarter of its channels, a global one of it pooled to 9x9, both of 512 channels; then 3x3 and
    the classifier. Published: ``in_index=3, channels=256, align_corners=True``, and mmseg's ``FCNHead`` (num_convs=1,
    channels=256, weight 0.4) on the third stage. A released PyConvSegNet loads as it is.

    Args:
        in_channels: a multiple of 256.
        channels: of the merged map.
        branch_channels: of each branch.
        kwargs: the arguments of MMSegmentation's ``BaseDecodeHead``.

    Raises:
        ValueError: a number of channels that is not available.
    """

    prefixes = ('decode_head.',)
    trunk_keys = re.compile('(local|global|merge)_context')  # the classifier may be of other classes' number, and lack
    translate_released = staticmethod(translate_pyconv_head)

    def __init__(self, in_channels: int, channels: int = 256, *, branch_channels: int = 512,
                 norm_cfg: dict = dict(type='BN'), **kwargs) -> None:  # noqa: B006
        if in_channels % 256 or branch_channels % 64:
            raise ValueError(f'in_channels={in_channels}, branch_channels={branch_channels} is not available; allowed: '
                             'multiples of 256 and of 64')
        super().__init__(in_channels, channels, norm_cfg=norm_cfg, **kwargs)
        self.local_context = _Local(in_channels, in_channels // 4, branch_channels, norm_cfg)
        self.global_context = _Global(in_channels, branch_channels, norm_cfg)
        self.merge_context = _Merge(2 * branch_channels, channels, norm_cfg)

    def feature(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the merged map (N, channels, h, w)."""
        x = self._transform_inputs(inputs)
        return self.merge_context(torch.cat([self.local_context(x), self.global_context(x)], 1))

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return class scores (N, num_classes, h, w)."""
        return self.cls_seg(self.feature(inputs))
