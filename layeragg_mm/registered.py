"""What a config's ``type`` names, the arguments that this takes, and what was meant where there is no such thing."""
import inspect
import re
from collections.abc import Callable, Collection, Iterable
from importlib import import_module
from importlib.util import find_spec

from mmengine.registry import Registry
from torch import nn

from .errors import InputError
from .words import MANY, no_argument, no_type, some

__all__ = ['arguments_of', 'check_arguments', 'find_registered', 'name_of', 'own_arguments', 'refuse_arguments']

LIBRARIES = 'mmdet', 'mmseg'


def registered_names(registry: Registry) -> list[str]:
    """Return what can be built from ``registry``: its names, those of its parents, and the other libraries' in full."""
    for scope in LIBRARIES:  # makes their registries children of mmengine's
        if find_spec(scope) is not None:
            import_module(f'{scope}.registry')
    family, parent = [registry], registry.parent
    while parent is not None:
        family.append(parent)
        parent = parent.parent
    for each in (*family, *family[-1].children.values()):
        each.import_from_location()
    here = sorted({name for each in family for name in each.module_dict})
    others = [each for each in family[-1].children.values() if each not in family]
    return here + [f'{each.scope}.{name}' for each in others for name in each.module_dict]


def find_registered(registry: Registry, node: dict, path: str) -> Callable:
    """Return the class or function that ``node``, at ``path`` of a config, is built from.

    Raises:
        InputError: the registry has none of this name; it tells the nearest.
    """
    kind = node.get('type')
    if kind is None:
        raise InputError(f'{path} has no type, so it is not known what to build from {some(node) or "nothing"}',
                         f'Give it one: {path}.type=... (a {registry.name}).')
    if callable(kind):
        return kind
    with registry.switch_scope_and_registry(node.get('_scope_')) as registry:
        try:
            found = registry.get(kind) if isinstance(kind, str) else None
        except RuntimeError:  # how a registry refuses what looks like a module's path
            found = None
        if found is not None:
            return found
        raise no_type(path, str(kind), registry.name, registered_names(registry))


def arguments_of(built: Callable, others_to: Callable | None = None) -> dict[str, inspect.Parameter] | None:
    """Return what a class or function takes by name, also what it hands on to its bases; None if that may be anything.

    Args:
        built: the class or function.
        others_to: what gets its other keywords, where those are not its bases.
    """
    found = {}
    for function in constructors(built):
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):  # written in C
            return None
        found = {**named_parameters(function), **found}
        rest = next((each.name for each in parameters if each.kind is each.VAR_KEYWORD), None)
        if rest is None:
            break
        if not hands_on(function, rest):
            others = None if others_to is None else arguments_of(others_to)
            return None if others is None else {**others, **found}
    return found


def own_arguments(built: Callable) -> dict[str, inspect.Parameter]:
    """Return what a function, or the constructor of a class alone, names."""
    return named_parameters(next(iter(constructors(built)), None))


def named_parameters(function: Callable | None) -> dict[str, inspect.Parameter]:
    if function is None:
        return {}
    return {name: parameter for name, parameter in inspect.signature(function).parameters.items()
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) and name != 'self'}


def constructors(built: Callable) -> Iterable[Callable]:
    """Yield what ``built`` calls with its arguments: a function itself, of a class its and its bases' ``__init__``."""
    if not inspect.isclass(built):
        yield built
        return
    for base in built.__mro__:
        if base in (object, nn.Module):  # they take nothing
            return
        if '__init__' in vars(base):
            yield vars(base)['__init__']


def hands_on(function: Callable, rest: str) -> bool:
    """Tell whether a constructor gives its other keywords, ``**rest``, to its base."""
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        return False
    return re.search(rf'\.__init__\([^#]*?\*\*{rest}\b', source, re.DOTALL) is not None


def name_of(node: dict) -> str:
    kind = node['type']
    return kind if isinstance(kind, str) else getattr(kind, '__name__', str(kind))


def check_arguments(registry: Registry, node: dict, path: str, given: Collection[str] = (),
                    allowed: Collection[str] = (), others_to: Callable | None = None) -> Callable:
    """Raise an :class:`InputError` unless ``node`` can be built as far as names tell; return what it is built from.

    Args:
        registry: in which its type is looked up.
        node: of the config.
        path: where it stands there.
        given: arguments that the code which builds it gives.
        allowed: keys that this code takes out before.
        others_to: see :func:`arguments_of`.
    """
    built = find_registered(registry, node, path)
    refuse_arguments(built, name_of(node), node, path, given, allowed, others_to)
    return built


def refuse_arguments(built: Callable, name: str, node: dict, path: str, given: Collection[str] = (),
                     allowed: Collection[str] = (), others_to: Callable | None = None) -> None:
    """Raise an :class:`InputError` if ``built``, called ``name``, does not take what ``node`` says, or needs more."""
    arguments = arguments_of(built, others_to)
    if arguments is None:
        return
    own = [argument for argument in arguments if argument not in given]
    for key in node:
        if key not in ('type', '_scope_', *arguments, *allowed):
            raise no_argument(path, name, key, own)
    # Of its own constructor: what a base needs it may give itself.
    lacking = [argument for argument, parameter in own_arguments(built).items()
               if parameter.default is parameter.empty and argument in own and argument not in node]
    if lacking:
        raise InputError(f'{path}: {name} needs {", ".join(lacking)}', f'{name} takes {some(own, MANY)}.')
