"""File and class names: what is a name, and how it stands on a terminal and in a picture as it is.

rich reads ``[b]`` as markup and ``:x:`` as an emoji; matplotlib reads ``$...$`` as mathematics, leaves names that begin
with ``_`` out of legends, and its font has no wide space.
"""
import contextlib
import unicodedata

from rich.console import Console

__all__ = ['drawn', 'is_name', 'names_as_they_are', 'plain_console']

# Control characters, halves of surrogate pairs, ends of lines and paragraphs.
NO_TEXT = {'Cc', 'Cs', 'Zl', 'Zp'}


def is_name(value) -> bool:
    """Tell whether ``value`` is text that can name a file or a class: any characters, but such as break a line."""
    return type(value) is str and not any(unicodedata.category(character) in NO_TEXT for character in value)


def plain_console(**options) -> Console:
    """Return rich's console that prints what it is given; ``options`` are those of ``Console``."""
    return Console(markup=False, emoji=False, **options)


def drawn(name: str) -> str:
    """Return what matplotlib is to be given for ``name``: every space as an ordinary one, and no ``_`` in front."""
    text = ''.join(' ' if unicodedata.category(character) == 'Zs' else character for character in name)
    return f'\u200b{text}' if text.startswith('_') else text


def names_as_they_are() -> contextlib.AbstractContextManager:
    """Return a context, also a decorator, in which matplotlib reads no text as mathematics."""
    import matplotlib  # takes long
    return matplotlib.rc_context({'text.parse_math': False})
