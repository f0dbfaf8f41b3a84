"""Every request body there is, with what its schema says of each field: tests over all of them find a new one by themselves."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import services
from shared.http.body import Body, documented

UUID_GIVEN = "11111111-2222-4333-8444-555555555555"
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Field:
    """One place in one body. A list is entered at its first item."""

    body: type[Body]
    path: Path
    schema: Mapping[str, Any]

    @property
    def pointer(self) -> str:
        return "".join(f"/{part}" for part in self.path)

    @property
    def name(self) -> str:
        return f"{self.body.__name__}{self.pointer}"


def bodies() -> list[type[Body]]:
    """Every body of a route, by name."""
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if ".api." in module.name:
            importlib.import_module(module.name)
    found: dict[str, type[Body]] = {}
    waiting: list[type[Body]] = [Body]
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if model.__module__.startswith("services."):
            found[f"{model.__module__}.{model.__name__}"] = model
    return [found[name] for name in sorted(found)]


def schema_of(body: type[Body]) -> dict[str, Any]:
    schema: dict[str, Any] = documented(body)["requestBody"]["content"]["application/json"]["schema"]
    return schema


def fields() -> list[Field]:
    return [Field(body, path, schema) for body in bodies() for path, schema in _walk(schema_of(body), ())]


def _walk(schema: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if path:
        yield path, schema
    for one in (schema, *schema.get("anyOf", ())):
        if one is not schema:
            yield path, one
        for name, below in one.get("properties", {}).items():
            yield from _walk(below, (*path, name))
        if isinstance(one.get("items"), dict):
            yield from _walk(one["items"], (*path, 0))


def with_value(schema: Mapping[str, Any], path: Path, value: Any) -> Any:
    """A body that has what is required, and `value` at the path."""
    if not path:
        return value
    part, rest = path[0], path[1:]
    shape = next(s for s in (schema, *schema.get("anyOf", ())) if ("items" if isinstance(part, int) else "properties") in s)
    if isinstance(part, int):
        return [with_value(shape["items"], rest, value)]
    given = example(shape)
    given[part] = with_value(shape["properties"][part], rest, value)
    return given


def example(schema: Mapping[str, Any]) -> Any:
    """The least that the schema takes."""
    if "default" in schema and schema["default"] is not None:
        return schema["default"]
    if schema.get("examples"):
        return schema["examples"][0]
    if "anyOf" in schema:
        return example(schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            required = schema.get("required", [])
            return {name: example(below) for name, below in schema.get("properties", {}).items() if name in required}
        case "array":
            return [example(schema["items"])] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
    formats = {"date": "2026-03-01", "date-time": "2026-03-01T09:00:00Z", "uuid": UUID_GIVEN}
    return formats.get(schema.get("format", ""), "a" * max(12, schema.get("minLength", 0)))
