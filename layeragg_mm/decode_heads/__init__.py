"""Decode heads and losses for MMSegmentation, registered in mmengine's root registry."""
from .cross_entropy import WeightedCrossEntropyLoss
from .dla_head import DLAHead

__all__ = ['DLAHead', 'WeightedCrossEntropyLoss']
