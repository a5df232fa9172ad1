"""The ideas of the papers as plain torch modules, each with its equation; they need torch alone."""
from .channel_attention import EfficientChannelAttention, SqueezeExcitation
from .dg_conv import DGConv2d
from .dla import Root, Tree
from .do_conv import DOConv2d
from .ida import IterativeAggregation, UpAggregation
from .mrla import BaseLayerAttention, LightLayerAttention
from .ps_conv import PSConv2d, ReleasedPSConv2d
from .py_conv import PyConv2d
from .rla import RecurrentAggregation
from .weight_net import WeightNetConv2d

__all__ = [
    'BaseLayerAttention', 'DGConv2d', 'DOConv2d', 'EfficientChannelAttention', 'IterativeAggregation',
    'LightLayerAttention', 'PSConv2d', 'PyConv2d', 'RecurrentAggregation', 'ReleasedPSConv2d', 'Root',
    'SqueezeExcitation', 'Tree', 'UpAggregation', 'WeightNetConv2d'
]
