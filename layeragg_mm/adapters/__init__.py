"""How a network of another library is opened for layer aggregation: its blocks, its stages, and the loop over them."""
from .inverted_residual import InvertedResidualAdapter, conv_module
from .loop import (
    AggregatingMixin,
    base_step,
    dynamic_step,
    inverted_recurrent_step,
    key_correlated_step,
    light_step,
    recurrent_step,
)
from .resnet import BlockAdapter, Ran, ResNetTrunk, adapter_of

__all__ = [
    'AggregatingMixin', 'BlockAdapter', 'InvertedResidualAdapter', 'Ran', 'ResNetTrunk', 'adapter_of', 'base_step',
    'conv_module', 'dynamic_step', 'inverted_recurrent_step', 'key_correlated_step', 'light_step', 'recurrent_step'
]
