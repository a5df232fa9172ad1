"""Backbones, registered in mmengine's root registry."""
from .dca_mobilenet_v2 import DCAMobileNetV2
from .dca_resnet import DCAResNet
from .dla import DLANet
from .group_ensemble_resnet import GroupEnsembleResNet
from .mobilenext import MobileNeXt
from .mrla_resnet import MRLAResNet
from .rla_resnet import RLAResNet, RLAResNeXt

__all__ = [
    'DCAMobileNetV2', 'DCAResNet', 'DLANet', 'GroupEnsembleResNet', 'MRLAResNet', 'MobileNeXt', 'RLAResNeXt',
    'RLAResNet'
]
