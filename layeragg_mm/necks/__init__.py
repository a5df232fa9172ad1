"""Necks, registered in mmengine's root registry."""
from .fpt import FPT
from .ida_up import IDAUp

__all__ = ['FPT', 'IDAUp']
