"""What expressions in the text of a class come to (:mod:`layeragg_mm.written`): tables, and questions about them."""
import ast
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .written import LIBRARIES, Definition, base_of, bases_of, class_node, parsed, sources

__all__ = ['OPAQUE', 'Tables', 'UnknownError', 'attributes_set', 'evaluated', 'known', 'names_set', 'of_module']

FUNCTIONS = {each.__name__: each for each in (
    all, any, bool, dict, enumerate, float, int, isinstance, len, list, map, max, min, range, repr, set, sorted, str,
    sum, tuple, zip, AssertionError, KeyError, TypeError, ValueError)}
METHODS = {'endswith', 'format', 'get', 'items', 'join', 'keys', 'lower', 'removeprefix', 'startswith', 'values'}
PLAIN = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.comprehension, ast.keyword, ast.Name,
         ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred, ast.Call, ast.Compare, ast.BoolOp,
         ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp,
         ast.DictComp, ast.GeneratorExp, ast.JoinedStr, ast.FormattedValue)


class UnknownError(Exception):
    """The text does not tell."""


class Opaque:
    """A value in a table of which nothing is known; it can be handed around, and any question ends the reading."""

    def _unknown(self, *args):
        raise UnknownError

    __eq__ = __hash__ = __bool__ = __call__ = __iter__ = __len__ = __getitem__ = __contains__ = __format__ = _unknown
    __lt__ = __gt__ = __le__ = __ge__ = __add__ = __radd__ = __mul__ = __rmul__ = __sub__ = __rsub__ = _unknown
    __str__ = __repr__ = _unknown

    def __getattr__(self, name: str) -> 'Opaque':
        return self


OPAQUE = Opaque()


class Tables:
    """A class, as far as its attributes are written in its body, or an instance of it with ``attributes`` of its own.

    One that some method sets is not known.
    """

    def __init__(self, found: Definition, attributes: dict | None = None) -> None:
        self.__dict__.update(_found=found, _attributes=attributes or {})

    def __getattr__(self, name: str):
        if name in self._attributes:
            return known(self._attributes[name])
        for definition in bases_of(self._found):
            node = None if definition is None else class_node(definition)
            if node is None or name in set_attributes(definition):
                raise UnknownError
            statement = setting(name, node.body)
            if statement is not None:
                return known(table(definition, statement))
        raise UnknownError


def setting(name: str, body: list[ast.stmt]) -> ast.stmt | None:
    """Return the first statement of a class or module that says what ``name`` is."""
    for each in body:
        if each.name == name if isinstance(each, (ast.FunctionDef, ast.ClassDef)) else name in names_set(each):
            return each
    return None


@cache
def set_attributes(found: Definition) -> set[str]:
    return attributes_set(class_node(found))


def table(found: Definition, statement: ast.stmt) -> Any:
    """Return what a statement of a class or module assigns to its one name; what is not known in it is opaque."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None or (
            isinstance(statement, ast.Assign) and not isinstance(statement.targets[0], ast.Name)):
        raise UnknownError
    expression = Obscured().visit(ast.parse(ast.unparse(statement.value), mode='eval').body)

    def find(name):
        try:
            return OPAQUE if name == 'OPAQUE' else of_module(found, name)
        except UnknownError:
            return OPAQUE

    return evaluated(expression, find)


class Obscured(ast.NodeTransformer):
    """Puts OPAQUE in the place of calls that are not understood."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        return self.generic_visit(node) if is_understood(node) else ast.Name('OPAQUE', ast.Load())


def is_understood(call: ast.Call) -> bool:
    return call.func.id in FUNCTIONS if isinstance(call.func, ast.Name) else (
        isinstance(call.func, ast.Attribute) and call.func.attr in METHODS)


def of_module(found: Definition, name: str) -> Any:
    """Return what ``name`` is in the module of a class: a table of it or of one that it imports, a class, a function.

    Raises:
        UnknownError: it is something else.
    """
    base = base_of(found, parsed(found.file), name)
    if base is not None:
        return Tables(base)
    for module, meant in meanings(found, name):
        statement = setting(meant, parsed(module).body)
        if statement is not None:
            return known(table(Definition(found.name, '', (), found.library, module), statement))
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    raise UnknownError


def meanings(found: Definition, name: str) -> Iterator[tuple[Path, str]]:
    """Yield the module of a class, and the one from which that imports ``name``, with its name there."""
    yield found.file, name
    for each in parsed(found.file).body:
        for alias in each.names if isinstance(each, ast.ImportFrom) else ():
            if name == (alias.asname or alias.name):
                library = (each.module or '').partition('.')[0]
                if each.level:
                    folder = found.file.parents[each.level - 1]
                elif library in LIBRARIES:
                    folder = Path(find_spec(library).origin).parents[1]
                else:
                    return
                file = folder.joinpath(*(each.module or '').split('.')).with_suffix('.py')
                if file in sources():
                    yield file, alias.name


def known(value):
    if value is OPAQUE:
        raise UnknownError
    return value


def evaluated(expression: ast.expr, find: Callable[[str], Any]) -> Any:
    """Return the value of an expression that computes and asks, and does nothing; ``find`` tells what a name is."""
    bound = names_set(expression)
    for each in ast.walk(expression):
        if not isinstance(each, PLAIN) or (isinstance(each, ast.Call) and not is_understood(each)):
            raise UnknownError
        # What an opaque value cannot notice, is asked of names alone, which have none.
        asked = [each.left, *each.comparators] if isinstance(each, ast.Compare) and any(
            isinstance(op, (ast.Is, ast.IsNot)) for op in each.ops) else []
        if isinstance(each, ast.Call) and ast.unparse(each.func) == 'isinstance':
            asked = each.args[:1]
        if not all(isinstance(one, ast.Constant) or (isinstance(one, ast.Name) and one.id not in bound)
                   for one in asked):
            raise UnknownError
    names = {each.id: find(each.id) for each in ast.walk(expression)
             if isinstance(each, ast.Name) and each.id not in bound}
    code = compile(ast.fix_missing_locations(ast.Expression(expression)), '<written>', 'eval')
    try:
        return eval(code, {'__builtins__': {}, **names})
    except UnknownError:
        raise
    except Exception as error:  # what it raises here it would raise there, but for how the values are made
        raise UnknownError from error


def names_set(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)}


def attributes_set(node: ast.AST) -> set[str]:
    return {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)
            and not isinstance(each.ctx, ast.Load)}
