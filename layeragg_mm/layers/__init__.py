"""The ideas of the papers as plain torch modules, each with its equation; they need torch alone."""
from .channel_attention import EfficientChannelAttention, SqueezeExcitation
from .dca import ConnectedCBAM, ConnectedGC, ConnectedGE, ConnectedSE, ConnectedSK
from .dla import Root, Tree
from .fpt import EuclideanGroundingTransformer, GroundingTransformer, RenderingTransformer, SelfTransformer
from .group_ensemble import GroupEnsembleClassifier
from .ida import IterativeAggregation, UpAggregation
from .mrla import BaseLayerAttention, LightLayerAttention
from .rla import RecurrentAggregation
from .sandglass import Sandglass
from .ulsam import ULSAM

__all__ = [
    'ULSAM', 'BaseLayerAttention', 'ConnectedCBAM', 'ConnectedGC', 'ConnectedGE', 'ConnectedSE', 'ConnectedSK',
    'EfficientChannelAttention', 'EuclideanGroundingTransformer', 'GroundingTransformer', 'GroupEnsembleClassifier',
    'IterativeAggregation', 'LightLayerAttention', 'RecurrentAggregation', 'RenderingTransformer', 'Root', 'Sandglass',
    'SelfTransformer', 'SqueezeExcitation', 'Tree', 'UpAggregation'
]
