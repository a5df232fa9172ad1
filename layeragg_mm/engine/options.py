"""KEY=VALUE on a command line: mmengine's form, in which names keep what is in them."""
import ast
from collections.abc import Iterable, Iterator

from ..errors import InputError

__all__ = ['read_options', 'value_of']

BRACKETS, QUOTES = {'(': ')', '[': ']', '{': '}'}, ('"', "'")


def read_options(texts: Iterable[str]) -> dict:
    """Return KEY=VALUE arguments as a dict, as mmengine's ``DictAction`` does; values are read by :func:`value_of`."""
    options = {}
    for text in texts:
        key, equals, value = text.partition('=')
        if not key or not equals:
            raise InputError(f'--cfg-options {text}: it has no {"=" if key else "key"}', 'Write KEY=VALUE.')
        options[key] = value_of(value)
    return options


def value_of(text: str):
    """Return the value that ``text`` stands for.

    Lists are ``a,b`` or ``[a,b]``, tuples ``(a,b)``, dicts Python's; numbers, true, false and None are what they say.
    All else is text: mmengine takes the spaces out of it, fails at a bracket that is not closed and does not end at a
    dict. Text in quotes stays as it is, also with commas.
    """
    text = text.strip()
    if text[:1] in (*QUOTES, '{'):
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text
    if text[:1] in ('(', '[') and closes(text):
        parts = [value_of(part) for part in split(text[1:-1])]
        return tuple(parts) if text[0] == '(' else parts
    parts = split(text)
    if len(parts) > 1:
        return [value_of(part) for part in parts]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return {'true': True, 'false': False}.get(text.lower(), None if text == 'None' else text)


def closes(text: str) -> bool:
    """Tell whether the bracket that begins ``text`` is closed at its very end."""
    depths = [depth for _, depth in followed(text)]
    return depths[-1] == 0 and 0 not in depths[:-1]


def split(text: str) -> list[str]:
    """Return the parts between the commas of ``text`` that no bracket or quotes hold; all of it if none is closed."""
    steps = list(followed(text))
    if not text.strip():
        return []
    if steps[-1][1] != 0:
        return [text]
    parts = ['']
    for character, depth in steps:
        if character == ',' and depth == 0:
            parts.append('')
        else:
            parts[-1] += character
    return parts if parts[-1].strip() else parts[:-1]  # (a,) is a tuple of one


def followed(text: str) -> Iterator[tuple[str, int]]:
    """Yield each character with the number of brackets and quotes that are open after it; quotes begin a value."""
    opened, before = [], ','
    for character in text:
        if opened and opened[-1] in QUOTES:
            if character == opened[-1]:
                opened.pop()
        elif character in BRACKETS or (character in QUOTES and before in (',', ':', *BRACKETS)):
            opened.append(character)
        elif opened and character == BRACKETS[opened[-1]]:
            opened.pop()
        before = before if character.isspace() else character
        yield character, len(opened)
