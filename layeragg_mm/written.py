"""What the sources of the mm libraries and of this package say, read as text, which takes a tenth of importing them."""
import ast
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

__all__ = ['LIBRARIES', 'Definition', 'is_written', 'registered', 'written_arguments', 'written_classes']

LIBRARIES = 'mmengine', 'mmcv', 'mmdet', 'mmseg', 'layeragg_mm'
# What configs name of torch.
OF_TORCH = 'optim', 'nn/modules', 'utils/data'
TAKES_NOTHING = {'object', 'Module', 'ABC'}


@dataclass(frozen=True)
class Definition:
    """A class or function as it is written.

    Args:
        name: of it.
        registry: the name of the registry that it joins, e.g. ``MODELS``; '' if it joins none where it is written.
        registered: its names there.
        library: that it belongs to.
        file: in which it is.
    """

    name: str
    registry: str
    registered: tuple[str, ...]
    library: str
    file: Path


@cache
def sources(modules: tuple[str, ...] = ()) -> dict[Path, str]:
    """Return the text of every file of the libraries, of what configs name of torch, and of other ``modules``."""
    found = [Path(spec.origin) for spec in map(find_spec, (*LIBRARIES, *modules)) if spec is not None and spec.origin]
    files = {file for origin in found for file in (
        origin.parent.rglob('*.py') if origin.name == '__init__.py' else [origin]) if '.mim' not in file.parts}
    torch = find_spec('torch')
    if torch is not None:
        files.update(file for folder in OF_TORCH for file in Path(torch.origin).parent.joinpath(folder).glob('*.py'))
    return {file: file.read_text('utf-8', 'replace') for file in sorted(files)}


@cache
def is_written(word: str, modules: tuple[str, ...] = ()) -> bool:
    """Tell whether the sources, also of other ``modules``, have this word."""
    whole = re.compile(rf'(?<!\w){re.escape(word)}(?!\w)')
    return any(word in text and whole.search(text) for text in sources(modules).values())


@cache
def written_classes() -> dict[str, list[Definition]]:
    """Return the classes and registered functions of the libraries by name."""
    found = {}
    for file, text in sources().items():
        library = next((part for part in reversed(file.parts) if part in LIBRARIES), 'torch')
        for match in re.finditer(r'^(?:@(\w+)\.register_module\(([^)]*)\)\s*)?(class|def) (\w+)', text, re.M):
            registry, arguments, kind, name = match.groups('')
            if registry or kind == 'class':
                registered = tuple(re.findall(r'[\'"](\w+)', arguments)) or (name,) if registry else ()
                found.setdefault(name, []).append(Definition(name, registry, registered, library, file))
    return found


@cache
def registered(*registries: str) -> dict[str, list[Definition]]:
    """Return what joins one of the ``registries``, or any, by the names there."""
    found = {}
    for each in chain.from_iterable(written_classes().values()):
        if each.registry in registries or (each.registry and not registries):
            for name in each.registered:
                found.setdefault(name, []).append(each)
    return found


def written_arguments(found: Definition) -> list[str] | None:
    """Return what a class takes by name, also what it hands on to its bases; None if the sources do not tell."""
    arguments, open_ended = [], True
    for definition in bases_of(found):
        if definition is None or not is_plain(definition):
            return None
        function = constructor(definition)
        if function is None:
            continue
        given = function.args
        arguments += [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs) if each.arg != 'self']
        open_ended = given.kwarg is not None
        if not open_ended:
            return list(dict.fromkeys(arguments))
        if not hands_on(function):
            return None
    return list(dict.fromkeys(arguments))


def bases_of(found: Definition) -> list[Definition | None]:
    """Return a class and its bases, in the order in which Python asks them; None for one that is not found."""
    order, module = [found], parsed(found.file)
    node = class_node(found)
    for name in (ast.unparse(base).split('.')[-1] for base in node.bases) if node is not None else ():
        if name not in TAKES_NOTHING:
            base = base_of(found, module, name)
            order += [None] if base is None else bases_of(base)
    return [each for i, each in enumerate(order) if each is None or each not in order[i + 1:]]  # a shared one is last


def class_node(found: Definition) -> ast.ClassDef | None:
    """Return the class as it is written; None if it is a function, or stands inside of something."""
    return next((each for each in parsed(found.file).body
                 if isinstance(each, ast.ClassDef) and each.name == found.name), None)


def is_plain(found: Definition) -> bool:
    """Tell whether a definition is a class as it is written there, without decorators that could change it."""
    node = class_node(found)
    return node is not None and all('register_module' in ast.unparse(each) for each in node.decorator_list)


def constructor(found: Definition) -> ast.FunctionDef | None:
    """Return ``__init__`` of a class itself, None if it has none."""
    return next((each for each in class_node(found).body
                 if isinstance(each, ast.FunctionDef) and each.name == '__init__'), None)


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(sources()[file])


def base_of(found: Definition, module: ast.Module, name: str) -> Definition | None:
    """Return the class that is called ``name`` where ``found`` is written, in ``module``; None if that is not clear."""
    library, file = found.library, found.file
    for each in module.body:
        for alias in each.names if isinstance(each, ast.ImportFrom) else ():
            if name == (alias.asname or alias.name):
                name, file = alias.name, None
                library = library if each.level else each.module.partition('.')[0]
    those = [each for each in written_classes().get(name, ())
             if each.library == library and file in (None, each.file) and each != found]
    return those[0] if len(those) == 1 else None


def hands_on(function: ast.FunctionDef) -> bool:
    """Tell whether a constructor gives its other keywords to its base."""
    return any(isinstance(call.func, ast.Attribute) and call.func.attr == '__init__' and any(
        keyword.arg is None and ast.unparse(keyword.value) == function.args.kwarg.arg for keyword in call.keywords)
        for call in ast.walk(function) if isinstance(call, ast.Call))
