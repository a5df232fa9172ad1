"""Necks, registered in mmengine's root registry."""
from .ida_up import IDAUp

__all__ = ['IDAUp']
