"""Detectors that MMDetection does not have."""
from .centernet import CenterNetDLA
from .mmdet1 import MMDet1CascadeRCNN, MMDet1FasterRCNN, MMDet1MaskRCNN

__all__ = ['CenterNetDLA', 'MMDet1CascadeRCNN', 'MMDet1FasterRCNN', 'MMDet1MaskRCNN']
