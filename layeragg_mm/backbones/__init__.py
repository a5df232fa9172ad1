"""Backbones, registered in mmengine's root registry."""
from .dla import DLANet
from .layer_aggregation import LayerAggregation
from .mrla_efficientnet import MRLAEfficientNet
from .mrla_resnet import MRLAResNet
from .rla_mobilenet_v2 import RLAMobileNetV2
from .rla_resnet import RLAResNet, RLAResNeXt

__all__ = [
    'DLANet', 'LayerAggregation', 'MRLAEfficientNet', 'MRLAResNet', 'RLAMobileNetV2', 'RLAResNeXt', 'RLAResNet'
]
