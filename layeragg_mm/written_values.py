"""Which values a class refuses, as its constructor says it, read as text (:mod:`layeragg_mm.written`).

A constructor is followed as far as it is about what was given, numbers, texts and tables of the class: ``if``, ``for``,
``raise``, ``assert``, the checks of :mod:`layeragg_mm.choices`, and its bases' constructors. What else it does is left
out, and what that may change is not known any more; so nothing is refused that the class would take.
"""
import ast
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .choices import check_rate, one_of
from .tracebacks import described
from .words import not_available
from .written import Definition, bases_of, constructor, is_plain
from .written_tables import OPAQUE, Tables, UnknownError, attributes_set, evaluated, known, names_set, of_module

__all__ = ['refused_value']

CHECKS = {each.__name__: each for each in (check_rate, one_of)}


class RefusedError(Exception):
    """The class would raise an exception."""


class Constructing:
    """One object of a class, in the hands of the constructors of the class and its bases, the class's own first."""

    def __init__(self, found: Definition) -> None:
        self.attributes = {}
        self.itself = Tables(found, self.attributes)
        self.rest = bases_of(found)

    def call(self, args: list, keywords: dict, open_ended: bool = False) -> None:
        """Follow the next constructor.

        Args:
            args: given by position.
            keywords: given by name.
            open_ended: others may be given, too, so that no default holds.
        """
        while self.rest:
            found = self.rest.pop(0)
            if found is None or not is_plain(found):
                raise UnknownError
            function = constructor(found)
            if function is not None:
                Following(self, found, function, args, keywords, open_ended).follow(function.body)
                return


class Following:
    """A constructor on its way: what its names stand for."""

    def __init__(self, construction: Constructing, found: Definition, function: ast.FunctionDef, args: list,
                 keywords: dict, open_ended: bool) -> None:
        self.construction, self.found, self.names = construction, found, {'self': construction.itself}
        given = function.args
        if given.posonlyargs or given.vararg:
            raise UnknownError
        positional = [each.arg for each in given.args[1:]]
        keywords = {**dict(zip(positional, args)), **keywords}
        defaults = {**dict(zip(reversed(positional), reversed(given.defaults))),
                    **{each.arg: default for each, default in zip(given.kwonlyargs, given.kw_defaults)}}
        for name in (*positional, *(each.arg for each in given.kwonlyargs)):
            value = OPAQUE
            if name in keywords:
                value = keywords.pop(name)
            elif defaults.get(name) is not None and not open_ended:
                with suppress(UnknownError):
                    value = evaluated(defaults[name], self.value_of)
            self.names[name] = value
        if given.kwarg is not None:
            self.names[given.kwarg.arg] = OPAQUE if open_ended else keywords

    def value_of(self, name: str):
        return known(self.names[name]) if name in self.names else of_module(self.found, name)

    def value(self, expression: ast.expr):
        return evaluated(expression, self.value_of)

    def lasting(self, expression: ast.expr):
        """Return the value of an expression; of a dict, which could be changed by another name, it is not known."""
        value = self.value(expression)
        if isinstance(value, (dict, set)):
            raise UnknownError
        return value

    def follow(self, body: list[ast.stmt]) -> None:
        for statement in body:
            try:
                self.take(statement)
            except UnknownError:
                if any(isinstance(each, ast.Return) or is_base_call(each) for each in ast.walk(statement)):
                    raise
                self.forget(statement)

    def take(self, statement: ast.stmt) -> None:
        """Follow one statement, or raise :class:`UnknownError`."""
        match statement:
            case ast.If(test=test):
                self.follow(self.refusing(statement) if self.value(test) else statement.orelse)
            case ast.Raise(exc=ast.Call() as raised):
                raise RefusedError(self.said(raised))
            case ast.Assert(test=test):
                if not self.value(test):
                    raise RefusedError(self.membership(test) or (
                        self.said(statement.msg) if statement.msg else ast.unparse(statement)))
            case ast.For(target=ast.Name(id=name), iter=sequence, orelse=[]):
                if any(isinstance(each, (ast.Break, ast.Continue)) for each in ast.walk(statement)):
                    raise UnknownError
                for value in self.lasting(sequence):
                    self.names[name] = value
                    self.follow(statement.body)
            case ast.Assign(targets=[ast.Name(id=name)], value=expression):
                self.check_key(expression)
                self.names[name] = self.lasting(expression)
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id='self'), attr=name)], value=expression):
                self.check_key(expression)
                self.construction.attributes[name] = self.lasting(expression)
            case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=args, keywords=[])) if name in CHECKS:
                self.check(CHECKS[name], [self.value(each) for each in args])
            case ast.Expr(value=ast.Call() as call) if is_base_call(call, self.found.name):
                self.call_base(call)
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case _:
                if isinstance(statement, ast.Assign):
                    self.check_key(statement.value)
                raise UnknownError

    @staticmethod
    def check(check: Callable, args: list) -> None:
        try:
            check(*args)
        except ValueError as error:
            raise RefusedError(str(error)) from error
        except TypeError as error:  # of values that it does not expect
            raise UnknownError from error

    def refusing(self, statement: ast.If) -> list[ast.stmt]:
        """Return the body of an ``if`` whose test holds; if it is a ``raise``, it says what is allowed."""
        said = self.membership(ast.UnaryOp(ast.Not(), statement.test))
        if said and isinstance(statement.body[0], ast.Raise):
            raise RefusedError(said)
        return statement.body

    def membership(self, test: ast.expr) -> str:
        """Return what is said where ``test`` is not met, which asks whether something is in something; or nothing."""
        match test:
            case (ast.Compare(left=asked, ops=[ast.In()], comparators=[where])
                  | ast.UnaryOp(ast.Not(), ast.Compare(left=asked, ops=[ast.NotIn()], comparators=[where]))):
                return not_available(ast.unparse(asked), self.value(asked), self.value(where))
        return ''

    def check_key(self, expression: ast.expr) -> None:
        """Raise an error if an expression is an entry of a table of the class, and there is none."""
        match expression:
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id='self')) as where, slice=ast.Name() as asked):
                name, table, key = asked.id, self.value(where), self.value(asked)
                if isinstance(table, dict) and key not in table:
                    raise RefusedError(not_available(name, key, table))

    def said(self, raised: ast.expr) -> str:
        """Return what an exception, or the text of one, says."""
        try:
            value = self.value(raised)
        except UnknownError:
            return ast.unparse(raised)
        return described(value) if isinstance(value, Exception) else str(value)

    def call_base(self, call: ast.Call) -> None:
        args = [OPAQUE if isinstance(each, ast.Starred) else self.value_or_opaque(each) for each in call.args]
        if any(isinstance(each, ast.Starred) for each in call.args):
            raise UnknownError
        keywords, open_ended = {}, False
        for each in call.keywords:
            if each.arg is not None:
                keywords[each.arg] = self.value_or_opaque(each.value)
            else:
                others = self.value_or_opaque(each.value)
                open_ended = not isinstance(others, dict)
                keywords.update({} if open_ended else others)
        self.construction.call(args, keywords, open_ended)

    def value_or_opaque(self, expression: ast.expr) -> Any:
        try:
            return self.value(expression)
        except UnknownError:
            return OPAQUE

    def forget(self, statement: ast.stmt) -> None:
        """Hold nothing for known that a statement sets, or that it could change."""
        touched = {each.id for each in ast.walk(statement) if isinstance(each, ast.Name)} - {'self'}
        for name in touched:
            if name in names_set(statement) or isinstance(self.names.get(name), (dict, list, set)):
                self.names[name] = OPAQUE
        for name in attributes_set(statement):
            self.construction.attributes[name] = OPAQUE


def is_base_call(call: ast.AST, own: str | None = None) -> bool:
    """Tell whether a call is that of the next constructor; without the name of the class itself, of any other."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id='super'), args=args), attr='__init__')):
            return own is None or not args or (isinstance(args[0], ast.Name) and args[0].id == own)
        case ast.Call(func=ast.Attribute(attr='__init__')):
            return own is None
    return False


def refused_value(found: Definition, given: dict) -> str | None:
    """Return what a class says if it cannot be built with what is ``given``, all of it; None if the text tells nothing.

    ``given`` is by name.
    """
    try:
        Constructing(found).call([], dict(given))
    except RefusedError as refused:
        return str(refused)
    except (UnknownError, RecursionError):
        return None
    return None
