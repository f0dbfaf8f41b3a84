"""Bodies: strict, bounded before they are read whole, each fault by its place and none of its words."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from starlette.requests import Request

from shared.http.body import MAX_BODY, Body, documented, parse, raw_body, read_json
from shared.http.problems import Problem


class Part(Body):
    n: int
    parts: tuple["Part", ...] = ()


class Wanted(Body):
    name: str
    part: Part | None = None


def request(*chunks: bytes, read: list[int] | None = None, **headers: str) -> Request:
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        chunk = left.pop(0)
        if read is not None:
            read.append(len(chunk))
        return {"type": "http.request", "body": chunk, "more_body": bool(left)}

    sent = [(k.replace("_", "-").lower().encode(), v.encode("latin-1")) for k, v in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": sent}, receive)


async def test_a_body_is_its_chunks() -> None:
    assert await raw_body(request(b"ab", b"", b"c")) == b"abc"
    assert await raw_body(request(b"abc"), 3) == b"abc"
    assert await raw_body(request(b"abc", Content_Length="3"), 3) == b"abc"
    assert await raw_body(request(b"abc", Content_Length="none"), 3) == b"abc"


async def test_what_is_too_large_is_not_read_whole() -> None:
    read: list[int] = []
    for asked in (request(b"abcd", read=read, Content_Length="4"), request(b"ab", b"cd", b"ef", read=read)):
        with pytest.raises(Problem) as found:
            await raw_body(asked, 3)
        assert (found.value.status, "3 bytes" in found.value.detail) == (413, True)
    assert read == [2, 2], "what declares its size is not read at all"
    assert MAX_BODY == 256 * 1024


async def test_json_is_read_with_its_bytes() -> None:
    for kind in ("application/json", "application/fhir+json", "Application/JSON; charset=utf-8"):
        found, raw = await read_json(request(b'{"name":"a"}', Content_Type=kind), Wanted)
        assert (found.name, found.part, raw) == ("a", None, b'{"name":"a"}')
    assert (await read_json(request(b'{"name":"a"}'), Wanted))[0].name == "a"


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded", "json"])
async def test_other_media_are_refused(kind: str) -> None:
    with pytest.raises(Problem) as found:
        await read_json(request(b"{}", Content_Type=kind), Wanted)
    assert found.value.status == 415


async def test_a_limit_of_its_own() -> None:
    with pytest.raises(Problem) as found:
        await read_json(request(b'{"name":"a"}'), Wanted, limit=4)
    assert found.value.status == 413


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/name"]),
        ({"name": 1, "other": 2}, ["/name", "/other"]),
        ({"name": "a", "part": {"n": "canary"}}, ["/part/n"]),
        ({"name": "a", "part": {"n": True}}, ["/part/n"]),
        ({"name": "a", "part": {"n": 1, "parts": [{"n": 1}, {}]}}, ["/part/parts/1/n"]),
        ({"name": "a", "x/y~z": 1}, ["/x~1y~0z"]),
        ([], [""]),
    ],
)
def test_every_fault_has_its_place(body: Any, pointers: Sequence[str]) -> None:
    with pytest.raises(Problem) as found:
        parse(Wanted, orjson.dumps(body))
    assert found.value.status == 422
    assert sorted(f.pointer for f in found.value.errors) == sorted(pointers)
    assert "canary" not in str(found.value.document("r"))


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"name":"\xff"}', b"nil"])
def test_what_is_no_json(raw: bytes) -> None:
    with pytest.raises(Problem) as found:
        parse(Wanted, raw)
    (fault,) = found.value.errors
    assert (found.value.status, fault.pointer) == (422, "")
    assert ("UTF-8" in fault.detail) is (b"\xff" in raw)


def test_bodies_are_documented_in_place() -> None:
    schema = documented(Wanted)["requestBody"]
    assert schema["required"] is True
    shown = schema["content"]["application/json"]["schema"]
    assert "$defs" not in shown and "$ref" not in str(shown)
    part = shown["properties"]["part"]["anyOf"][0]
    assert part["properties"]["n"] == {"title": "N", "type": "integer"}
    assert part["properties"]["parts"]["items"] == {"type": "object"}, "what holds itself is described once"
