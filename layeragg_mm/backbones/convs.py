"""Convolution layers for ``conv_cfg=dict(type=...)`` and ``dcn=dict(type=...), stage_with_dcn=...``.

Each takes the arguments of nn.Conv2d, in its order, and options of its own by name. ``conv_cfg`` reaches every
convolution of a network, the stem's and the 1x1 ones too: where a layer makes no sense, what is built is an nn.Conv2d.
"""
from mmengine.registry import MODELS
from torch import nn

from ..layers.dg_conv import DGConv2d
from ..layers.do_conv import DOConv2d, read_published_do_conv
from ..layers.ps_conv import PARTS, PSConv2d, ReleasedPSConv2d
from ..layers.py_conv import PyConv2d, level_widths
from ..layers.weight_net import GATES, WeightNetConv2d
from .arguments import norm_builder, one_of

__all__ = ['dg_conv', 'do_conv', 'ps_conv', 'py_conv', 'weight_net_conv']

PS_FORMS = dict(shared=PSConv2d, literal=ReleasedPSConv2d)


@MODELS.register_module('DOConv2d')
def do_conv(in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], *args, pairing: str = 'paper',
            **kwargs) -> nn.Conv2d:
    """Return a :class:`~layeragg_mm.layers.DOConv2d`; of a 1x1 kernel, a plain convolution."""
    if kernel_size not in (1, (1, 1), [1, 1]):
        return DOConv2d(in_channels, out_channels, kernel_size, *args, pairing=pairing, **kwargs)
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, *args, **kwargs)
    conv.register_load_state_dict_pre_hook(read_published_do_conv)
    return conv


@MODELS.register_module('PSConv2d')
def ps_conv(in_channels: int, out_channels: int, kernel_size: int | tuple[int, int],
            stride: int | tuple[int, int] = 1, padding: int | tuple[int, int] = 0, dilation: int | tuple[int, int] = 1,
            groups: int = 1, *args, form: str = 'shared', rates: tuple[int, int, int] = (1, 2, 4),
            **kwargs) -> nn.Module:
    """Return a :class:`~layeragg_mm.layers.PSConv2d` ('shared'), or the released three convolutions ('literal').

    Of another kernel than 3x3, and of fewer channels a group than parts, a plain convolution.
    """
    one_of('form', form, list(PS_FORMS))
    geometry = in_channels, out_channels, kernel_size, stride, padding, dilation, groups
    if kernel_size not in (3, (3, 3), [3, 3]) or min(in_channels, out_channels) < PARTS * groups:
        return nn.Conv2d(*geometry, *args, **kwargs)
    return PS_FORMS[form](*geometry, *args, rates=rates, **kwargs)


@MODELS.register_module('PyConv2d')
def py_conv(in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], *args,
            kernels: tuple[int, ...] = (3, 5, 7, 9), level_groups: tuple[int, ...] = (1, 4, 8, 16),
            **kwargs) -> nn.Module:
    """Return a :class:`~layeragg_mm.layers.PyConv2d`; of one level, a plain convolution with its groups.

    Of another kernel than 3x3, and where a level has fewer channels than groups, the plain convolution asked for.
    """
    if kernel_size not in (3, (3, 3), [3, 3]) or any(
            min(in_channels, width) < of_level
            for width, of_level in zip(level_widths(out_channels, len(kernels)), level_groups)):
        return nn.Conv2d(in_channels, out_channels, kernel_size, *args, **kwargs)
    if tuple(kernels) == (3,):
        return nn.Conv2d(in_channels, out_channels, 3, *args, **kwargs | dict(groups=level_groups[0]))
    return PyConv2d(in_channels, out_channels, kernel_size, *args, kernels=kernels, level_groups=level_groups, **kwargs)


@MODELS.register_module('WeightNetConv2d')
def weight_net_conv(in_channels: int, out_channels: int, *args, **kwargs) -> nn.Conv2d:
    """Return a :class:`~layeragg_mm.layers.WeightNetConv2d`; of an odd number of channels, a plain convolution."""
    one_of('reduced_channels', kwargs.pop('reduced_channels', None), [None])  # for blocks that pool for their layers
    layer = nn.Conv2d if in_channels % GATES else WeightNetConv2d
    return layer(in_channels, out_channels, *args, **kwargs)


@MODELS.register_module('DGConv2d')
def dg_conv(in_channels: int, out_channels: int, *args, heads: int = 4, gate_factor: float = .25,
            norm_cfg: dict = dict(type='BN'), **kwargs) -> nn.Module:  # noqa: B006
    """Return a :class:`~layeragg_mm.layers.DGConv2d` with norms of ``norm_cfg``; of fewer channels than heads, a plain
    convolution."""
    if min(in_channels, out_channels) < heads:
        return nn.Conv2d(in_channels, out_channels, *args, **kwargs)
    return DGConv2d(in_channels, out_channels, *args, norm=norm_builder(norm_cfg), heads=heads, gate_factor=gate_factor,
                    **kwargs)
