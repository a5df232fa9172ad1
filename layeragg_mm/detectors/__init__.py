"""Detectors that MMDetection does not have."""
from .centernet import CenterNetDLA

__all__ = ['CenterNetDLA']
