"""JSON bodies: strict, size-limited, every fault listed by JSON pointer, nothing of the input echoed."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request

from shared.http.problems import Fault, Problem, invalid, too_large

MAX_BODY = 262_144
"""bytes of a JSON body"""

M = TypeVar("M", bound="Body")


class Body(BaseModel):
    """Base of request bodies: unknown fields are refused, no silent conversion (JSON `false` is no integer)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


async def raw_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """The body's bytes. 413 beyond the limit, before it is read whole."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def parse(model: type[M], raw: bytes) -> M:
    """The model of a JSON body. 422 with every fault."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid([Fault("", f"the body is not UTF-8 (byte {error.start})")]) from None
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise invalid([fault(e) for e in error.errors(include_url=False, include_input=False)]) from None


async def read_json(request: Request, model: type[M], limit: int = MAX_BODY) -> tuple[M, bytes]:
    """The parsed body and its bytes (for the idempotency record)."""
    kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if kind not in ("application/json", "application/fhir+json"):
        raise Problem(415, "media-type", "Unsupported media type", "Send application/json.")
    raw = await raw_body(request, limit)
    return parse(model, raw), raw


def fault(error: ErrorDetails) -> Fault:
    where = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    return Fault(where, message)


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra` for a route that reads its body itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": inlined(model)}}}}


def inlined(model: type[BaseModel]) -> dict[str, Any]:
    """The model's JSON schema without references; what nests in itself is described once."""
    schema = model.model_json_schema()
    told: dict[str, Any] = _inline(schema, schema.pop("$defs", {}), ())
    return told


def _inline(node: Any, definitions: dict[str, Any], seen: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_inline(n, definitions, seen) for n in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        name = reference.rsplit("/", 1)[-1]
        if name in seen:  # a recursive model (nested provisions): described once
            return {"type": "object"}
        return _inline(definitions[name], definitions, (*seen, name))
    return {key: _inline(value, definitions, seen) for key, value in node.items()}
