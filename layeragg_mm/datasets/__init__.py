"""Data sets made on the spot, for demos and tests that must not download anything."""
from .digit_scenes import (
    CLASSES,
    SPLITS,
    Digits,
    compose_scene,
    load_digits_of,
    make_digit_scenes,
)

__all__ = [
    'CLASSES',
    'SPLITS',
    'Digits',
    'compose_scene',
    'load_digits_of',
    'make_digit_scenes',
]
