"""A small mutator: one change a mutant, made in the syntax tree, of the kinds by which decisions go wrong.

Comparisons and membership turned round, bounds moved, `and` for `or`, a negation dropped or added, a set operation exchanged, a
number or truth value changed, a branch of a conditional expression taken always, an element or argument of a table dropped, a
statement left out. Docstrings and type annotations are left alone.
"""

import ast
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    where: str
    """`function, line n: what was done`"""
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    tree = ast.parse(source)
    places = [(node, scope) for node, scope in _walk(tree, "module")]
    for number, (node, scope) in enumerate(places):
        for what, change in _changes(node):
            copy = deepcopy(tree)
            target = [n for n, _ in _walk(copy, "module")][number]
            change(target)
            line = getattr(node, "lineno", 0)
            yield Mutant(f"{scope}, line {line}: {what}", ast.unparse(ast.fix_missing_locations(copy)))


def _walk(node: ast.AST, scope: str) -> Iterator[tuple[ast.AST, str]]:
    """Nodes that may change, each once, with the function that they are in."""
    yield node, scope
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_text(child):
                continue
            inner = scope
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = child.name if scope == "module" else f"{scope}.{child.name}"
            yield from _walk(child, inner)


def _is_text(node: ast.AST) -> bool:
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr)


Change = Callable[[ast.AST], None]


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    match node:
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                if type(op) in _COMPARISONS:
                    yield f"{type(op).__name__} turned round or moved", _set_op(i, _COMPARISONS[type(op)])
        case ast.BoolOp(op=op):
            other: type[ast.boolop] = ast.Or if isinstance(op, ast.And) else ast.And
            yield f"{type(op).__name__} exchanged", _set("op", other())
        case ast.BinOp(op=op) if type(op) in _OPERATORS:
            yield f"{type(op).__name__} exchanged", _set("op", _OPERATORS[type(op)]())
        case ast.AugAssign(op=op) if type(op) in _OPERATORS:
            yield f"{type(op).__name__}= exchanged", _set("op", _OPERATORS[type(op)]())
        case ast.UnaryOp(op=ast.Not()):
            yield "not dropped", _become(lambda n: ast.Call(ast.Name("bool", ast.Load()), [n.operand], []))
        case ast.If() | ast.While():
            yield "condition negated", _set_by("test", lambda n: ast.UnaryOp(ast.Not(), n.test))
        case ast.IfExp():
            yield "always the first", _set("test", ast.Constant(True))
            yield "always the second", _set("test", ast.Constant(False))
        case ast.Constant(value=bool() as value):
            yield f"{value} changed", _set("value", not value)
        case ast.Constant(value=int() as value):
            yield f"{value} changed", _set("value", value + 1)
        case ast.Tuple(elts=elts, ctx=ast.Load()) | ast.Set(elts=elts) | ast.List(elts=elts, ctx=ast.Load()):
            for i in range(len(elts) if len(elts) > 1 else 0):
                yield f"element {i} dropped", _drop("elts", i)
        case ast.Dict(keys=keys):
            for i in range(len(keys)):
                yield f"entry {i} dropped", _drop("keys", i, "values")
        case ast.Call(keywords=keywords, func=ast.Name(id=name)) if name in ("LawRow", "ConsentLimit", "Notice", "Ground"):
            for i, keyword in enumerate(keywords):
                if keyword.arg not in ("reason", "then", "rule"):
                    yield f"{keyword.arg}= dropped", _drop("keywords", i)
    if isinstance(node, ast.comprehension):
        for i in range(len(node.ifs)):
            yield f"filter {i} negated", _negate_filter(i)


def _set(name: str, value: object) -> Change:
    return lambda node: setattr(node, name, value)


def _set_by(name: str, make: Callable[..., ast.AST]) -> Change:
    return lambda node: setattr(node, name, make(node))


def _set_op(place: int, op: type[ast.cmpop]) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Compare)
        node.ops[place] = op()

    return change


def _drop(name: str, place: int, *beside: str) -> Change:
    def change(node: ast.AST) -> None:
        for field in (name, *beside):
            del getattr(node, field)[place]

    return change


def _negate_filter(place: int) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.comprehension)
        node.ifs[place] = ast.UnaryOp(ast.Not(), node.ifs[place])

    return change


def _become(make: Callable[..., ast.AST]) -> Change:
    """The node turned into another, in place: its parent need not be known."""

    def change(node: ast.AST) -> None:
        other = make(node)
        node.__class__ = other.__class__
        node.__dict__.clear()
        node.__dict__.update(other.__dict__)

    return change
