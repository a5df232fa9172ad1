"""How a network of another library is opened for layer aggregation: its blocks, its stages, and the loop over them."""
from .loop import AggregatingMixin, base_step, light_step, plain_step, recurrent_step
from .resnet import BlockAdapter, Ran, ResNetTrunk, adapter_of

__all__ = [
    'AggregatingMixin', 'BlockAdapter', 'Ran', 'ResNetTrunk', 'adapter_of', 'base_step', 'light_step', 'plain_step',
    'recurrent_step'
]
