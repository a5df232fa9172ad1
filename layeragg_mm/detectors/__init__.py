"""Detectors, and a head, registered in mmengine's root registry."""
from .centernet import CenterNetDLA
from .ssd_head import PredictingSSDHead

__all__ = ['CenterNetDLA', 'PredictingSSDHead']
