"""The ideas of the papers as plain torch modules, each with its equation; they need torch alone."""
from .channel_attention import EfficientChannelAttention, SqueezeExcitation
from .dla import Root, Tree
from .do_conv import DOConv2d
from .ida import IterativeAggregation, UpAggregation
from .mrla import BaseLayerAttention, LightLayerAttention
from .ps_conv import PSConv2d, ReleasedPSConv2d
from .rla import RecurrentAggregation

__all__ = [
    'BaseLayerAttention', 'DOConv2d', 'EfficientChannelAttention', 'IterativeAggregation', 'LightLayerAttention',
    'PSConv2d', 'RecurrentAggregation', 'ReleasedPSConv2d', 'Root', 'SqueezeExcitation', 'Tree', 'UpAggregation'
]
