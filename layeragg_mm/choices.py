"""Checks of single arguments, which constructors call; nothing here takes time to import."""
from collections.abc import Sequence

from .words import not_available

__all__ = ['check_rate', 'one_of']


def one_of(name: str, value, allowed: Sequence) -> None:
    """Raise a ValueError that lists what is allowed, unless ``value`` is among it."""
    if value not in allowed:
        raise ValueError(not_available(name, value, allowed))


def check_rate(name: str, value: float) -> None:
    """Raise a ValueError unless ``value`` is a probability with which something can be left out in training."""
    if not 0 <= value < 1:
        raise ValueError(f'{name}={value!r} is not available; allowed: 0 <= rate < 1')
