"""What the arguments of registered networks mean: choices that are checked, and what a norm_cfg or conv_cfg builds."""
import math
from collections.abc import Callable

from mmcv.cnn import build_conv_layer, build_norm_layer
from torch import nn

from ..choices import check_rate, one_of
from ..layers.dla import conv2d

__all__ = ['check_rate', 'conv_builder', 'norm_builder', 'one_of']


def norm_builder(norm_cfg: dict) -> Callable[[int], nn.Module]:
    """Return what makes the norm layer of ``norm_cfg`` for a number of channels.

    A GN whose number of groups does not divide the channels (DLA starts with 16) takes their greatest common divisor.
    """

    def norm(channels: int) -> nn.Module:
        cfg = dict(norm_cfg)
        if 'num_groups' in cfg:
            cfg['num_groups'] = math.gcd(cfg['num_groups'], channels)
        return build_norm_layer(cfg, channels)[1]

    return norm


def conv_builder(conv_cfg: dict | None) -> Callable[..., nn.Module]:
    """Return what makes the convolution layer of ``conv_cfg``, as :func:`~layeragg_mm.layers.dla.conv2d` does for None.

    It has no bias, keeps the size (divided by ``stride``, rounded up), and its weight starts like that of ``conv2d``.
    """
    if conv_cfg is None:
        return conv2d

    def conv(in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, dilation: int = 1,
             groups: int = 1) -> nn.Module:
        layer = build_conv_layer(
            conv_cfg, in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2 * dilation,
            dilation=dilation, groups=groups, bias=False)
        if isinstance(getattr(layer, 'weight', None), nn.Parameter):
            nn.init.kaiming_normal_(layer.weight, mode='fan_out', nonlinearity='relu')
        return layer

    return conv
