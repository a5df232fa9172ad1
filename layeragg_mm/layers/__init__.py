"""What the papers add to a network, as plain torch modules."""
from .aggregation import IterativeAggregation, Root, Tree, UpAggregation
from .channel_attention import EfficientChannelAttention, SqueezeExcitation
from .mrla import BaseLayerAttention, LightLayerAttention
from .rla import RecurrentAggregation

__all__ = [
    'BaseLayerAttention', 'EfficientChannelAttention', 'IterativeAggregation', 'LightLayerAttention',
    'RecurrentAggregation', 'Root', 'SqueezeExcitation', 'Tree', 'UpAggregation'
]
