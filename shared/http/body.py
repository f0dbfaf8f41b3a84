"""JSON bodies: strict, size-limited, every fault listed by JSON pointer, nothing of the input echoed."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request

from shared.entry.json_text import BadJson, NotJson, pointer, read_json_text
from shared.http.problems import Fault, Problem, invalid, too_large

MAX_BODY = 262_144
"""bytes of a JSON body"""

M = TypeVar("M", bound="Body")


class Body(BaseModel):
    """Base of request bodies: unknown fields are refused, no silent conversion (JSON `false` is no integer)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


async def raw_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """The body's bytes. 413 beyond the limit, before it is read whole; 415 where it is compressed."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", ""):
        headers = {"Accept-Encoding": "identity"}  # RFC 9110, 15.5.16
        raise Problem(415, "content-encoding", "Unsupported content encoding", "Send the body as it is.", headers=headers)
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
        read_json_text(raw)
    except NotJson as error:
        raise invalid([Fault("", str(error))]) from None
    except BadJson as error:
        raise invalid([Fault(pointer(f.path), f.detail) for f in error.faults]) from None
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise invalid([fault(e) for e in error.errors(include_url=False, include_input=False)]) from None


async def read_json(request: Request, model: type[M], limit: int = MAX_BODY) -> tuple[M, bytes]:
    """The parsed body and its bytes (for the idempotency record)."""
    raw = await _json_body(request, limit)
    return parse(model, raw), raw


async def read_optional(request: Request, model: type[M]) -> tuple[M, bytes]:
    """Like `read_json`, where no body at all stands for an empty object."""
    raw = await raw_body(request) if request.headers.get("content-length") == "0" else await _json_body(request, MAX_BODY)
    raw = raw or b"{}"
    return parse(model, raw), raw


async def _json_body(request: Request, limit: int) -> bytes:
    kind, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "application/json").split(";"))
    charsets = {p.removeprefix("charset=").strip('"') for p in parameters if p.startswith("charset=")}
    if kind not in ("application/json", "application/fhir+json") or charsets - {"utf-8", "utf8"}:
        raise Problem(415, "media-type", "Unsupported media type", "Send application/json, in UTF-8.")
    return await raw_body(request, limit)


def fault(error: ErrorDetails) -> Fault:
    return Fault(pointer(error["loc"]), error["msg"].removeprefix("Value error, "))


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
