"""Segmentors for MMSegmentation, registered in mmengine's root registry."""
from .dla_segmentor import DLASegmentor
from .pyconv_segnet import PyConvSegNet

__all__ = ['DLASegmentor', 'PyConvSegNet']
