"""Backbones, registered in mmengine's root registry."""
from .dla import DLANet
from .fast_resnet import FastResNet
from .mrla_resnet import MRLAResNet
from .rla_resnet import RLAResNet, RLAResNeXt

__all__ = ['DLANet', 'FastResNet', 'MRLAResNet', 'RLAResNeXt', 'RLAResNet']
