"""Hostile values for every field of an OpenAPI document: generated from the schemas, so that a new field is in it by itself."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from shared.entry.text import KIND

VERBS: Final = ("get", "post", "put", "patch", "delete")
NO_TEXT: Final = ("a\x00b", "\x1b[2J", "a\x7f", "\x85", "\ud800", "a\udfffb")
"""what no field takes"""
NO_IDENTIFIER: Final = ("a ", " a", "a\u200bb", "e\u0301", "a\u00a0b", "\u200b", "a\nb")
NO_LINE: Final = ("\u200b", " \t", "a\nb", "a\u2029b", "\u3164")
NO_LINES: Final = ("\u200b", " \n\t ", "\ufeff\u00a0")
FREE_TEXT: Final = "  Noe\u0308l O\u2019Hara, \U0001f469\u200d\U0001f467, 中文, and some more of it "
"""what every free text takes: two forms of an accent, an emoji of three, blanks around it"""
NO_NUMBER: Final = ("1e999", "9" * 400, "-9223372036854775809", "true", '"1"', "NaN", "1e", "[]")
_PLACE: Final = "@@hostile@@"
_WORDS: Final = ("en", "US", "TREAT", "phq-9", "code", "a.b.c.d.e")
_KEYS: Final = {"sections": "subjective", "elements": "nature", "answers": "1", "public_key": "kty", "levels": "0"}


@dataclass(frozen=True)
class Leaf:
    path: tuple[str | int, ...]
    schema: dict[str, Any]

    @property
    def pointer(self) -> str:
        return "".join(f"/{part}" for part in self.path)

    @property
    def is_string(self) -> bool:
        return any(s.get("type") == "string" or {"enum", "const"} & set(s) for s in self.alternatives)

    @property
    def is_number(self) -> bool:
        return any(s.get("type") in ("integer", "number") for s in self.alternatives)

    @property
    def alternatives(self) -> list[dict[str, Any]]:
        return self.schema.get("anyOf") or [self.schema]

    def refuses(self) -> tuple[str, ...]:
        """Texts that this field must not take besides `NO_TEXT`. A string without a kind has to be as strict as an identifier."""
        (text,) = [s for s in self.alternatives if s.get("type") == "string"] or [{}]
        match text.get(KIND):
            case "line":
                return NO_LINE if text["minLength"] else NO_LINE[2:4]
            case "lines":
                return NO_LINES if text["minLength"] else ()
            case _:
                return NO_IDENTIFIER

    def takes_free_text(self) -> bool:
        return any(s.get(KIND) in ("line", "lines") and s["maxLength"] > len(FREE_TEXT) for s in self.alternatives)


@dataclass(frozen=True)
class Route:
    verb: str
    path: str
    operation: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.verb.upper()} {self.path}"

    @property
    def body(self) -> dict[str, Any] | None:
        content = self.operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        return schema if isinstance(schema, dict) else None

    @property
    def query(self) -> list[str]:
        return [p["name"] for p in self.operation.get("parameters", ()) if p["in"] == "query"]

    @property
    def in_path(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    def filled(self, **given: str) -> str:
        """The path with its ids: those given by name, random ones for the others."""
        return re.sub(r"{(\w+)}", lambda m: given.get(m[1], str(uuid4())), self.path)


def routes(document: dict[str, Any]) -> list[Route]:
    return [
        Route(verb, path, operation)
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
        if verb in VERBS
    ]


def leaves(schema: dict[str, Any], path: tuple[str | int, ...] = ()) -> Iterator[Leaf]:
    """Every place of a body that holds a value: optional ones too, the first item of lists, one member of maps."""
    for one in schema.get("anyOf") or [schema]:
        if one.get("type") == "object" and "properties" in one:
            for name, below in one["properties"].items():
                yield from leaves(below, (*path, name))
        elif one.get("type") == "object":
            more = one.get("additionalProperties")
            if isinstance(more, dict) and more:
                yield from leaves(more, (*path, _KEYS[str(path[-1])]))
            elif more is True or more == {}:
                yield Leaf((*path, _KEYS[str(path[-1])]), {})
        elif one.get("type") == "array":
            items = one.get("items") or (one.get("prefixItems") or [{}])[0]
            yield from leaves(items, (*path, 0))
        elif one.get("type") != "null":
            yield Leaf(path, schema)
            return


def example(schema: dict[str, Any]) -> Any:
    """A value that the schema takes, as small as can be."""
    one = next((s for s in schema.get("anyOf", ()) if s.get("type") != "null"), schema)
    if "const" in one:
        return one["const"]
    if "enum" in one:
        return one["enum"][0]
    match one.get("type"):
        case "object" if "properties" in one:
            return {name: example(one["properties"][name]) for name in one.get("required", ())}
        case "object":
            return {}
        case "array":
            return [example(one["items"]) for _ in range(one.get("minItems", 0))]
        case "string":
            return _text(one)
        case "integer" | "number":
            return one.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return None


def _text(schema: dict[str, Any]) -> str:
    match schema.get("format"):
        case "uuid":
            return str(uuid4())
        case "date":
            return (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        case "date-time":
            return (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    if "pattern" in schema:
        return next(w for w in _WORDS if re.search(schema["pattern"], w))
    return "some words of it"[: schema.get("maxLength", 20)]


def body_with(schema: dict[str, Any], leaf: Leaf, value: str) -> bytes:
    """The example with this JSON text at the leaf's place."""
    document = _put(schema, example(schema), leaf.path)
    return json.dumps(document).replace(f'"{_PLACE}"', value).encode()


def _put(schema: dict[str, Any], value: Any, path: tuple[str | int, ...]) -> Any:
    if not path:
        return _PLACE
    one = next(s for s in schema.get("anyOf") or [schema] if s.get("type") in ("object", "array"))
    first, *rest = path
    if one["type"] == "array":
        items = list(value or ()) or [example(one["items"])]
        items[0] = _put(one["items"], items[0], tuple(rest))
        return items
    below = one.get("properties", {}).get(first) or one.get("additionalProperties") or {}
    kept = dict(value or {}) if isinstance(value, dict) else example(one)
    old = kept.get(first, example(below) if isinstance(below, dict) else None)
    return {**kept, str(first): _put(below if isinstance(below, dict) else {}, old, tuple(rest))}
