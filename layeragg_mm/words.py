"""Names in messages: which of them a word was meant for, and what is said of one that names nothing."""
import difflib
from collections.abc import Collection, Iterable

from .errors import InputError

__all__ = ['MANY', 'cannot_build', 'did_you_mean', 'meant', 'no_argument', 'no_type', 'not_available', 'some',
           'takes']

FEW, MANY = 12, 40  # names that are all listed: types, arguments
LONG = 50  # characters of a value that is not shown any more


def some(names: Iterable[str], most: int = FEW) -> str:
    """Return ``names`` as text, the first ``most`` of them."""
    names = list(names)
    return ', '.join(names[:most]) + (f' and {len(names) - most} more' if len(names) > most else '')


def meant(word: str, known: Iterable[str], most: int = 1, likeness: float = .6) -> list[str]:
    """Return up to ``most`` of the ``known`` words, nearest first, that ``word`` could be meant for, in any case."""
    by_form = {}
    for each in known:
        by_form.setdefault(each.lower(), each)
    return [by_form[form] for form in difflib.get_close_matches(word.lower(), by_form, most, likeness)]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    nearest = meant(word, known)
    return f'; did you mean {nearest[0]!r}?' if nearest else ''


def no_type(path: str, kind: str, registry: str, known: Collection[str]) -> InputError:
    """Return what is said where a registry, called ``registry``, does not know the type ``kind`` at ``path``."""
    plain = kind.split('.')[-1]
    elsewhere = [name for name in known if name.endswith(f'.{plain}')]
    hint = f'; did you mean {elsewhere[0]!r}?' if elsewhere else did_you_mean(plain, known)
    listed = known if len(known) <= FEW else meant(plain, known, 6, .5)
    return InputError(f'{path}.type: there is no {registry} {kind!r}{hint}',
                      'Correct it, or add the module that registers it to custom_imports'
                      + (f'; there {"are" if listed == known else "are, among others,"} {", ".join(listed)}.'
                         if listed else '.'))


def no_argument(path: str, name: str, key: str, known: Collection[str]) -> InputError:
    """Return what is said where ``name``, at ``path``, takes the arguments ``known``, and ``key`` is none."""
    return InputError(f'{path}: {name} has no argument {key!r}{did_you_mean(key, known)}',
                      f'{name} takes {some(known, MANY) or "none"}.')


def not_available(name: str, value, allowed: Iterable) -> str:
    """Return what is said of an argument's ``value`` that is none of the ``allowed`` ones."""
    return f'{name}={value!r} is not available; allowed: {", ".join(map(repr, allowed))}'


def cannot_build(path: str, name: str, node: dict, why: str, takes: str) -> InputError:
    """Return what is said where ``name`` cannot be built from ``node`` at ``path``; ``takes`` tells what it takes."""
    given = ', '.join(f'{key}={value!r}' for key, value in node.items()
                      if key != 'type' and not isinstance(value, dict) and len(repr(value)) < LONG)
    return InputError(f'{path}: {name}({given}) cannot be built: {why}', f'Correct the config: {takes}')


def takes(name: str, arguments: Collection[str]) -> str:
    """Return which ``arguments`` what is called ``name`` takes, as a sentence."""
    return f'{name} takes {some(arguments, MANY)}.' if arguments else f'Look up {name}.'
