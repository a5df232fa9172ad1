"""The ideas of the papers as plain torch modules, each with its equation; they need torch alone."""
from .channel_attention import EfficientChannelAttention, SqueezeExcitation
from .dla import Root, Tree
from .dynamic import DynamicLayerAttention
from .ida import IterativeAggregation, UpAggregation
from .inverted_rla import InvertedRecurrentAggregation
from .key_correlated import KeyCorrelatedLayerAttention
from .mrla import BaseLayerAttention, LightLayerAttention
from .mrla_tokens import BaseTokenAttention, LightTokenAttention
from .rla import RecurrentAggregation

__all__ = [
    'BaseLayerAttention', 'BaseTokenAttention', 'DynamicLayerAttention', 'EfficientChannelAttention',
    'InvertedRecurrentAggregation', 'IterativeAggregation', 'KeyCorrelatedLayerAttention', 'LightLayerAttention',
    'LightTokenAttention', 'RecurrentAggregation', 'Root', 'SqueezeExcitation', 'Tree', 'UpAggregation'
]
