"""Every regular expression of the product: found in its source, and again in what its modules hold once they are imported."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from starlette.routing import compile_path

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("services", "shared", "infra")
_USING: Final = frozenset({"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"})


@dataclass(frozen=True)
class Found:
    pattern: str | bytes
    flags: int
    whole: bool
    """used by `fullmatch` alone"""
    begins: bool
    """used by `fullmatch` and `match` alone"""
    where: str

    @property
    def id(self) -> str:
        return f"{self.where} {self.pattern!r}"


def sources() -> list[Path]:
    return sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py"))


def in_source() -> list[Found]:
    """What is given to `re` as a literal, or as a name of a literal in the same file."""
    trees = {file: ast.parse(file.read_text()) for file in sources()}
    used = _uses(trees.values())
    return [found for file, tree in trees.items() for found in _of(file, tree, used)]


def checked_by_pydantic() -> list[tuple[str, str]]:
    """Place and pattern of each `pattern=`. pydantic's own engine is linear; it takes text alone."""
    found = []
    for file in sources():
        tree = ast.parse(file.read_text())
        texts = _texts(tree)
        for node in ast.walk(tree):
            for keyword in node.keywords if isinstance(node, ast.Call) else ():
                if keyword.arg in ("pattern", "regex"):
                    where = f"{file.relative_to(ROOT)}:{keyword.value.lineno}"
                    text = _text(keyword.value, texts)
                    assert isinstance(text, str), f"{where}: write the pattern as text, so that the linear engine takes it"
                    found.append((where, text))
    return found


def of_paths() -> list[Found]:
    """What the router makes of the addresses in decorators."""
    found = []
    for file in sources():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"/[^ \n]*\{[^ \n]*", node.value):
                compiled = compile_path(node.value)[0]
                found.append(Found(compiled.pattern, compiled.flags, True, True, f"{file.relative_to(ROOT)}:{node.lineno}"))
    return found


def in_memory() -> list[Found]:
    """Compiled expressions among what the modules hold, however they came about."""
    found: dict[tuple[str | bytes, int], Found] = {}
    for file in sources():
        if file.name in ("__main__.py", "__init__.py"):
            continue
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for held in list(vars(import_module(name)).values()):
            for one in _held(held, 0):
                found.setdefault((one.pattern, one.flags), Found(one.pattern, one.flags, False, False, name))
    return list(found.values())


def _held(value: Any, depth: int) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth > 4:
        return
    elif isinstance(value, dict):
        for one in (*value.keys(), *value.values()):
            yield from _held(one, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _held(one, depth + 1)
    elif is_dataclass(value) and not isinstance(value, type):
        for part in fields(value):
            yield from _held(getattr(value, part.name, None), depth + 1)


def _uses(trees: Any) -> dict[str, set[str]]:
    """Name → methods that are called on it anywhere."""
    used: dict[str, set[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in _USING:
                base = node.value
                name = base.id if isinstance(base, ast.Name) else base.attr if isinstance(base, ast.Attribute) else ""
                used.setdefault(name, set()).add(node.attr)
    return used


def _of(file: Path, tree: ast.Module, used: dict[str, set[str]]) -> Iterator[Found]:
    texts = _texts(tree)
    names = _names(tree)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)):
            continue
        if node.func.value.id != "re" or node.func.attr not in (*_USING, "compile"):
            continue
        pattern = _text(node.args[0], texts)
        if pattern is None:
            continue  # made at run time: `in_memory` finds it
        at = {"compile": 1, "sub": 4, "subn": 4, "split": 3}.get(node.func.attr, 2)
        given = node.args[at : at + 1]
        flags = [*given, *(k.value for k in node.keywords if k.arg == "flags")]
        value = int(eval(ast.unparse(flags[0]), {"re": re})) if flags else 0  # noqa: S307  # our own source
        ways = {node.func.attr} if node.func.attr != "compile" else used.get(names.get(id(node), ""), set())
        begins = bool(ways) and ways <= {"fullmatch", "match"}
        yield Found(pattern, value, ways == {"fullmatch"}, begins, f"{file.relative_to(ROOT)}:{node.lineno}")


def _names(tree: ast.Module) -> dict[int, str]:
    """Name under which a value is kept, by the value's node."""
    found = {}
    for node in ast.walk(tree):
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and isinstance(target, ast.Name):
            found[id(node.value)] = target.id
    return found


def _texts(tree: ast.Module) -> dict[str, str | bytes]:
    found: dict[str, str | bytes] = {}
    for node in tree.body:
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str | bytes):
            found[target.id] = value.value
    return found


def _text(node: ast.expr, texts: dict[str, str | bytes]) -> str | bytes | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        return node.value
    return texts.get(node.id) if isinstance(node, ast.Name) else None
