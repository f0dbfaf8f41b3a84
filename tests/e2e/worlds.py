"""Two worlds that differ only in what is withheld, and one answer made comparable with another: ids, times and ledger indexes
are named by what they are, so that whole answers can be compared."""

import base64
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from tests.e2e.rest import Answer, Person, Rest
from tests.e2e.surface import Clinic

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)")
_EVENT: Final = re.compile(r"(?<![\w.])\d+(-decision|-disclosure)?$")
_INDEXED: Final = frozenset({"index", "id", "fullUrl", "valueString", "value"})
_OPAQUE: Final = frozenset({"salt", "leaf", "next", "sha256", "vkey", "checkpoint", "files", "policy_sequence"})
"""only whether it is there can be equal"""
_HEADERS: Final = ("Content-Type", "Etag", "Retry-After", "Content-Disposition", "Cache-Control", "Location", "Allow")


@dataclass
class World:
    """A tenant with its people. `names` holds what each id stands for."""

    rest: Rest
    story: Clinic
    names: dict[str, str] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    """what a path or parameter may name; what the other world alone has is a random id here"""
    size: int = 0
    """entries of its log when it was looked at last"""

    def called(self, name: str, value: str | None = None) -> str:
        """Remembers an id under its name; without a value, one of something that is not there."""
        value = value or str(uuid4())
        self.ids[name] = value
        self.names[value] = f"<{name}>"
        return value


@dataclass(frozen=True)
class Told:
    """What a caller could learn by one request."""

    status: int
    headers: Mapping[str, str]
    body: Any
    named: int
    """indexes in `Audit-Entry`"""
    written: int
    """entries by which the ledger grew"""


def told(world: World, answer: Answer, raw: bytes, written: int) -> Told:
    headers: dict[str, str] = {name: _text(world, answer.headers[name]) for name in _HEADERS if name in answer.headers}
    return Told(answer.status, headers, _body(world, answer.headers.get("Content-Type", ""), raw), len(answer.entries), written)


def _body(world: World, kind: str, raw: bytes) -> Any:
    if kind.startswith("application/zip") and raw:  # HEAD has none
        return _bundle(world, raw)
    if "json" in kind and raw:
        return _plain(world, json.loads(raw))
    return _text(world, raw.decode("utf-8", "replace"))


def _bundle(world: World, raw: bytes) -> Any:
    """Everything but the PDF, which is made of the same rows, and what is hashed or signed over indexes."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        rows = [_row(world, line) for line in archive.read("rows.ndjson").splitlines()]
        manifest = _plain(world, json.loads(archive.read("manifest.json")))
        proofs = sum(name.startswith("proofs/") for name in archive.namelist())
    return {"rows": rows, "manifest": manifest, "proofs": proofs}


def _row(world: World, line: bytes) -> Any:
    row = json.loads(line)
    payload = row.pop("payload")
    row["cells"] = ["<index>", *row["cells"][1:]]
    return _plain(world, row) | {"payload": payload and _plain(world, json.loads(payload))}


def _plain(world: World, value: Any, key: str = "") -> Any:
    if key in _OPAQUE:
        return value is not None
    if isinstance(value, dict):
        return {k: _plain(world, v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(world, v, key) for v in value]
    if key in _INDEXED and isinstance(value, int):
        return "<index>"
    if key == "query" and isinstance(value, str):
        return _plain(world, json.loads(base64.b64decode(value)))
    if isinstance(value, str):
        text = _text(world, value)
        return _EVENT.sub(r"<index>\1", text) if key in _INDEXED else text
    return value


def _text(world: World, text: str) -> str:
    text = text.replace(world.rest.tenant, "<tenant>")
    for person, who in world.people.items():
        text = re.sub(re.escape(who.sub), f"<{person}>", text, flags=re.IGNORECASE)
    text = re.sub(r"cursor=[^&\"]+", "cursor=<cursor>", text)
    return _TIME.sub("<time>", _UUID.sub(lambda m: world.names.get(m[0], "<id>"), text))


def difference(one: Any, other: Any, at: str = "") -> str:
    """The first place where two answers differ, and what stands there; empty where they are equal."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return next((found for k in one if (found := difference(one[k], other[k], f"{at}/{k}"))), "")
    if isinstance(one, list) and isinstance(other, list):
        for n, (here, there) in enumerate(zip(one, other, strict=False)):
            if found := difference(here, there, f"{at}/{n}"):
                return found
        longer = one[len(other) :] or other[len(one) :]
        return f"{at}: {len(one)} | {len(other)}, as {longer[0]!r}" if longer else ""
    return "" if one == other else f"{at}: {one!r} | {other!r}"
