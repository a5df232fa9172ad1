"""Backbones, registered in mmengine's root registry."""
from . import convs  # noqa: F401  (registers)
from .dla import DLANet
from .mrla_resnet import MRLAResNet
from .rla_resnet import RLAResNet, RLAResNeXt

__all__ = ['DLANet', 'MRLAResNet', 'RLAResNeXt', 'RLAResNet']
