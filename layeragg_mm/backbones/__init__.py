"""Backbones, registered in mmengine's root registry."""
from .dla import DLANet
from .layer_aggregation import LayerAggregation
from .mrla_resnet import MRLAResNet
from .rla_resnet import RLAResNet, RLAResNeXt

__all__ = ['DLANet', 'LayerAggregation', 'MRLAResNet', 'RLAResNeXt', 'RLAResNet']
