"""An export put together of sealed parts: a refusal is handed on, and what breaks off is never taken for whole."""

import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from joserfc.jwk import ECKey

from services.ehr_gateway.adapters.in_process import InProcessServices
from services.ehr_gateway.application.exporting import Export, Refused, begin, pages
from services.ehr_gateway.application.ports import Answer, ServiceUnreachable
from shared.contracts.records import ServiceName
from shared.export.opening import PARTS, Archive, ArchiveBroken
from shared.export.pages import LONGEST_LINE, PartWriter
from shared.export.recipient import recipient_of
from shared.http.problems import Problem

KEY = ECKey.generate_key("P-256", private=True)
PUBLIC = KEY.as_dict(private=False)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CLIENT = "c1c1c1c1-0000-4000-8000-000000000001"


@dataclass
class GivenAnswer:
    body: list[bytes]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    breaks: bool = False

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self.body:
            yield chunk
        if self.breaks:
            raise ServiceUnreachable("broke off")


class Given:
    """Services that answer as they are told; which are open, and what was sent."""

    def __init__(self, **changed: GivenAnswer | None) -> None:
        self.changed, self.open, self.sent = changed, set[ServiceName](), list[tuple[str, Mapping[str, str], bytes]]()

    @asynccontextmanager
    async def call(
        self, method: str, service: ServiceName, path: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[Answer]:
        assert method == "POST"
        self.sent.append((path, headers, body))
        answer = self.changed.get(service, await whole(service))
        if answer is None:
            raise ServiceUnreachable("away")
        self.open.add(service)
        try:
            yield answer
        finally:
            self.open.remove(service)


async def whole(service: ServiceName, records: int = 2) -> GivenAnswer:
    writer = PartWriter(service, recipient_of(PUBLIC))
    lines: list[bytes] = []
    for n in range(records):
        lines += [line async for line in writer.add("progress_note" if n else "identity", "note", {"id": n})]
    lines += [line async for line in writer.end({})]
    headers = {"audit-entry": f"{PARTS.index(service)}, 9{PARTS.index(service)}", "export-records": str(records)}
    return GivenAnswer([line[i : i + 100] for line in lines for i in range(0, len(line), 100)], headers=headers)


async def made(services: Given, sealed_key: str | None = None) -> tuple[Export, bytes]:
    export = await begin(services, CLIENT, {"Authorization": "Bearer t"}, PUBLIC, sealed_key, now=NOW)
    try:
        return export, b"".join([chunk async for chunk in export.stream()])
    finally:
        await export.close()
        assert not services.open, "every part is closed"


async def test_the_parts_are_one_archive() -> None:
    services = Given()
    export, content = await made(services, "a.b.c.d.e")
    assert (export.records, export.entries) == (8, "0, 90, 1, 91, 2, 92, 3, 93")
    assert [path.rpartition("/")[2] for path, _, _ in services.sent] == ["notes", "consents", "measures", "access"]
    assert all(headers == {"Authorization": "Bearer t"} for _, headers, _ in services.sent)
    with zipfile.ZipFile(BytesIO(content)) as packed:
        assert packed.testzip() is None
        assert packed.read("key.jwe") == b"a.b.c.d.e"
        assert "JWE" in packed.read("README.txt").decode()
    with Archive(BytesIO(content)) as archive:
        files = list(archive.files(KEY))
    assert len(files) == 2 * (2 + 1) * len(PARTS)
    assert set(archive.abouts) == set(PARTS)


async def test_a_refusal_is_handed_on_and_nothing_stays_open() -> None:
    headers = {"content-type": "application/problem+json", "audit-entry": "7", "set-cookie": "no", "server": "x"}
    services = Given(consent=GivenAnswer([b'{"status"', b":403}"], 403, headers))
    with pytest.raises(Refused) as refused:
        await made(services)
    assert (refused.value.status, refused.value.body) == (403, b'{"status":403}')
    assert refused.value.headers == {"content-type": "application/problem+json", "audit-entry": "7"}
    assert not services.open
    assert len(services.sent) == 2, "nobody behind it was asked"


async def test_a_service_that_is_away_is_a_503_before_the_first_byte() -> None:
    services = Given(alliance_measurement=None)
    with pytest.raises(Problem) as problem:
        await made(services)
    assert problem.value.status == 503
    assert not services.open


@pytest.mark.parametrize("place", range(4))
async def test_what_breaks_off_opens_nowhere(place: int) -> None:
    broken = await whole(PARTS[place])
    broken.body, broken.breaks = broken.body[:-1], True
    services = Given(**{PARTS[place]: broken})
    export = await begin(services, CLIENT, {}, PUBLIC, None, now=NOW)
    content = b""
    stream = export.stream()
    with pytest.raises(ServiceUnreachable):  # noqa: PT012
        while True:
            content += await anext(stream)
    await export.close()
    assert not services.open
    with pytest.raises(ArchiveBroken, match="cut off"):
        Archive(BytesIO(content)).__enter__()


TOO_LONG = [b"x" * 1_000_000] * (LONGEST_LINE // 1_000_000 + 2)


@pytest.mark.parametrize(
    "lines",
    [
        [b"ey\n", b"ey\n", b"end 1\n"],
        [b"ey\n"],
        [],
        [b"end 1\n"],
        [b"ey\nend 0\n"],
        [b"x" * 1_000_000] * (LONGEST_LINE // 1_000_000 + 2),
    ],
    ids=["fewer", "no end", "empty", "more", "none", "too long"],
)
async def test_a_part_counts_its_pages(lines: list[bytes]) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for line in lines:
            yield line

    with pytest.raises(ServiceUnreachable):
        [page async for page in pages(chunks())]


async def test_a_service_of_the_same_process_is_heard_as_it_speaks_and_may_break_off() -> None:
    sent: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"{}"
        assert (b"authorization", b"Bearer t") in scope["headers"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Export-Records", b"5")]})
        for n in range(9):
            await send({"type": "http.response.body", "body": b"%d" % n, "more_body": True})
            sent.append(n)
        raise RuntimeError("broke off")

    services = InProcessServices({ServiceName.CONSENT: app})
    async with services.call("POST", ServiceName.CONSENT, "/x", {"Authorization": "Bearer t"}, b"{}") as answer:
        assert (answer.status, answer.headers) == (200, {"export-records": "5"})
        heard = answer.chunks()
        assert await anext(heard) == b"0"
        assert len(sent) < 9, "no service runs far ahead of who reads"
        with pytest.raises(ServiceUnreachable):
            [chunk async for chunk in heard]
    async with services.call("POST", ServiceName.CONSENT, "/x", {"Authorization": "Bearer t"}, b"{}"):
        """who leaves early ends the service's work"""


async def test_a_service_that_says_nothing() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("away")

    with pytest.raises(ServiceUnreachable):
        async with InProcessServices({ServiceName.CONSENT: app}).call("POST", ServiceName.CONSENT, "/x", {}, b""):
            """not reached"""
