"""Convolution layers for ``conv_cfg=dict(type=...)`` and ``dcn=dict(type=...), stage_with_dcn=...``.

Each takes the arguments of nn.Conv2d, in its order, and options of its own by name. ``conv_cfg`` reaches every
convolution of a network, the stem's and the 1x1 ones too: where a layer makes no sense, what is built is an nn.Conv2d.
"""
from mmengine.registry import MODELS
from torch import nn

from ..layers.do_conv import DOConv2d, read_published_do_conv
from ..layers.ps_conv import PARTS, PSConv2d, ReleasedPSConv2d
from .arguments import one_of

__all__ = ['do_conv', 'ps_conv']

PS_FORMS = dict(shared=PSConv2d, literal=ReleasedPSConv2d)


@MODELS.register_module('DOConv2d')
def do_conv(in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], *args, pairing: str = 'paper',
            **kwargs) -> nn.Conv2d:
    """Return a :class:`~layeragg_mm.layers.DOConv2d`; of a 1x1 kernel, a plain convolution."""
    if kernel_size not in (1, (1, 1)):
        return DOConv2d(in_channels, out_channels, kernel_size, *args, pairing=pairing, **kwargs)
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, *args, **kwargs)
    conv.register_load_state_dict_pre_hook(read_published_do_conv)
    return conv


@MODELS.register_module('PSConv2d')
def ps_conv(in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], *args, groups: int = 1,
            form: str = 'shared', rates: tuple[int, int, int] = (1, 2, 4), **kwargs) -> nn.Module:
    """Return a :class:`~layeragg_mm.layers.PSConv2d` ('shared'), or the released three convolutions ('literal').

    Of another kernel than 3x3, and of fewer channels a group than parts, a plain convolution.
    """
    one_of('form', form, list(PS_FORMS))
    if kernel_size not in (3, (3, 3)) or min(in_channels, out_channels) < PARTS * groups:
        return nn.Conv2d(in_channels, out_channels, kernel_size, *args, groups=groups, **kwargs)
    return PS_FORMS[form](in_channels, out_channels, kernel_size, *args, groups=groups, rates=rates, **kwargs)
