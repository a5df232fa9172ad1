"""The ideas of the papers as plain torch modules, each with its equation; they need torch alone."""
from .channel_attention import EfficientChannelAttention, SqueezeExcitation
from .dca import ConnectedCBAM, ConnectedGC, ConnectedGE, ConnectedSE, ConnectedSK
from .dg_conv import DGConv2d
from .dla import Root, Tree
from .do_conv import DOConv2d
from .dynamic import DynamicLayerAttention
from .fpt import EuclideanGroundingTransformer, GroundingTransformer, RenderingTransformer, SelfTransformer
from .group_ensemble import GroupEnsembleClassifier
from .ida import IterativeAggregation, UpAggregation
from .inverted_rla import InvertedRecurrentAggregation
from .key_correlated import KeyCorrelatedLayerAttention
from .mrla import BaseLayerAttention, LightLayerAttention
from .mrla_tokens import BaseTokenAttention, LightTokenAttention
from .ps_conv import PSConv2d, ReleasedPSConv2d
from .py_conv import PyConv2d
from .rla import RecurrentAggregation
from .sandglass import Sandglass
from .ulsam import ULSAM
from .weight_net import WeightNetConv2d

__all__ = [
    'ULSAM', 'BaseLayerAttention', 'BaseTokenAttention', 'ConnectedCBAM', 'ConnectedGC', 'ConnectedGE', 'ConnectedSE',
    'ConnectedSK', 'DGConv2d', 'DOConv2d', 'DynamicLayerAttention', 'EfficientChannelAttention',
    'EuclideanGroundingTransformer', 'GroundingTransformer', 'GroupEnsembleClassifier', 'InvertedRecurrentAggregation',
    'IterativeAggregation', 'KeyCorrelatedLayerAttention', 'LightLayerAttention', 'LightTokenAttention', 'PSConv2d',
    'PyConv2d', 'RecurrentAggregation', 'ReleasedPSConv2d', 'RenderingTransformer', 'Root', 'Sandglass',
    'SelfTransformer', 'SqueezeExcitation', 'Tree', 'UpAggregation', 'WeightNetConv2d'
]
