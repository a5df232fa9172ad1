"""How a network of another library is opened for layer aggregation: its blocks, its stages, and the loop over them."""
from . import csp, dla, mobile, mscan, residual, transformer  # noqa: F401  (register kinds of blocks)
from .attach import Aggregating, attach, method_of
from .connected import connect
from .inverted_residual import InvertedResidualAdapter, conv_module
from .loop import (
    AggregatingMixin,
    base_step,
    dynamic_step,
    inverted_recurrent_step,
    key_correlated_step,
    light_step,
    plain_step,
    recurrent_step,
)
from .methods import METHODS, Method
from .outputs import outputs_of
from .ports import KINDS, Ports, register
from .resnet import BlockAdapter, Ran, ResNetTrunk, adapter_of
from .stages import Stage, stages_of

__all__ = [
    'KINDS', 'METHODS', 'Aggregating', 'AggregatingMixin', 'BlockAdapter', 'InvertedResidualAdapter', 'Method', 'Ports',
    'Ran', 'ResNetTrunk', 'Stage', 'adapter_of', 'attach', 'base_step', 'connect', 'conv_module', 'dynamic_step',
    'inverted_recurrent_step', 'key_correlated_step', 'light_step', 'method_of', 'outputs_of', 'plain_step',
    'recurrent_step', 'register', 'stages_of'
]
