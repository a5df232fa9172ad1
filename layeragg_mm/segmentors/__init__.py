"""Segmentors for MMSegmentation, registered in mmengine's root registry."""
from .dla_segmentor import DLASegmentor

__all__ = ['DLASegmentor']
