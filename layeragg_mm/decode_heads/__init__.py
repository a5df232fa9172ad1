"""Decode heads and losses for MMSegmentation, registered in mmengine's root registry."""
from .cross_entropy import WeightedCrossEntropyLoss
from .dla_head import DLAHead
from .pyconv_head import PyConvHead

__all__ = ['DLAHead', 'PyConvHead', 'WeightedCrossEntropyLoss']
