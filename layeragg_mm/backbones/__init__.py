"""Backbones, registered in mmengine's root registry."""
from . import convs  # noqa: F401  (registers)
from .dgc_resnet import DGCResNet
from .dla import DLANet
from .mrla_resnet import MRLAResNet
from .pyconv_resnet import PyConvHGResNet, PyConvResNet
from .rla_resnet import RLAResNet, RLAResNeXt
from .weightnet_shufflenet import WeightNetShuffleNetV2

__all__ = [
    'DGCResNet', 'DLANet', 'MRLAResNet', 'PyConvHGResNet', 'PyConvResNet', 'RLAResNeXt', 'RLAResNet',
    'WeightNetShuffleNetV2'
]
