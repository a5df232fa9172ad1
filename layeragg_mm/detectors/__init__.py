"""Detectors, and a head, registered in mmengine's root registry."""
from .centernet import CenterNetDLA
from .mmdet1 import MMDet1CascadeRCNN, MMDet1FasterRCNN, MMDet1MaskRCNN
from .ssd_head import PredictingSSDHead

__all__ = ['CenterNetDLA', 'MMDet1CascadeRCNN', 'MMDet1FasterRCNN', 'MMDet1MaskRCNN', 'PredictingSSDHead']
