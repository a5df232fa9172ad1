"""The ideas of the papers as plain torch modules, each with its equation; they need torch alone."""
from .channel_attention import EfficientChannelAttention, SqueezeExcitation
from .dla import Root, Tree
from .ida import IterativeAggregation, UpAggregation
from .mrla import BaseLayerAttention, LightLayerAttention
from .mrla_tokens import BaseTokenAttention, LightTokenAttention
from .rla import RecurrentAggregation

__all__ = [
    'BaseLayerAttention',
    'BaseTokenAttention',
    'EfficientChannelAttention',
    'IterativeAggregation',
    'LightLayerAttention',
    'LightTokenAttention',
    'RecurrentAggregation',
    'Root',
    'SqueezeExcitation',
    'Tree',
    'UpAggregation'
]
