"""Text in pictures."""
from contextlib import AbstractContextManager

from matplotlib import rc_context

__all__ = ['plain_text']


def plain_text() -> AbstractContextManager:
    """Within, or in a function that it decorates, matplotlib writes names as they are: no ``$`` begins a formula."""
    return rc_context({'text.parse_math': False})
