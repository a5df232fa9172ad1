"""Backbones, registered in mmengine's root registry."""
from . import convs  # noqa: F401  (registers)
from .dca_mobilenet_v2 import DCAMobileNetV2
from .dca_resnet import DCAResNet
from .dgc_resnet import DGCResNet
from .dla import DLANet
from .efficientnet_lite import EfficientNetLite0
from .fast_resnet import FastResNet
from .group_ensemble_resnet import GroupEnsembleResNet
from .layer_aggregation import LayerAggregation
from .mobilenext import MobileNeXt
from .mrla_efficientnet import MRLAEfficientNet
from .mrla_resnet import MRLAResNet
from .pyconv_resnet import PyConvHGResNet, PyConvResNet
from .rla_mobilenet_v2 import RLAMobileNetV2
from .rla_resnet import RLAResNet, RLAResNeXt
from .weightnet_shufflenet import WeightNetShuffleNetV2

__all__ = [
    'DCAMobileNetV2', 'DCAResNet', 'DGCResNet', 'DLANet', 'EfficientNetLite0', 'FastResNet', 'GroupEnsembleResNet',
    'LayerAggregation', 'MRLAEfficientNet', 'MRLAResNet', 'MobileNeXt', 'PyConvHGResNet', 'PyConvResNet',
    'RLAMobileNetV2', 'RLAResNeXt', 'RLAResNet', 'WeightNetShuffleNetV2'
]
