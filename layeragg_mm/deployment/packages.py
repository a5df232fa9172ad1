"""The packages that exporting needs, which are an extra: whoever trains needs none of them."""
from importlib import import_module
from types import ModuleType

from ..errors import InputError

__all__ = ['needed']


def needed(name: str) -> ModuleType:
    """Return the package ``name``; where it is missing, raise an ``InputError`` that says where it comes from."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition('.')[0]:
            raise
        raise InputError(f'the package {name.partition(".")[0]} is not installed, which exported files need',
                         'Install it: pip install "layeragg-mm[deploy]".') from error
