"""Feeds and alarms leave by routes, to receivers on loopback: HTTP, syslog by TCP and UDP, a webhook, mail."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_string
from hashlib import sha256
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.reports.domain.rows import COLUMNS
from services.audit_log.routes_out.adapters.routes_file import parse_routes
from services.audit_log.routes_out.adapters.sinks import syslog_message
from services.audit_log.routes_out.application.routes import Route, Routes
from shared.contracts.disclosure import Action
from tests.integration.gate.gate_support import World
from tests.support.http import serving
from tests.support.ledger import entry

REASON = "Found unresponsive; the ward asks for a medication plan."


@dataclass
class Receiver:
    """Takes batches; refuses the next so many."""

    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refuse: int = 0

    async def take(self, request: Request) -> Response:
        body = await request.body()
        if self.refuse:
            self.refuse -= 1
            return Response(status_code=503)
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        return Response(status_code=204)

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for body in self.bodies for line in body.splitlines()]


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    made = Receiver()
    async with serving(Starlette(routes=[Path("/in", made.take, methods=["POST"])])) as base:
        yield made, f"{base}/in"


def routes_of(world: World, routes: Sequence[Route]) -> Routes:
    own = world.service.care.routes
    return Routes(routes, own._ledger, own._places, lambda: [world.tenant], now=world.clock.now)


async def once(routes: Routes) -> None:
    await asyncio.gather(*(routes._serve(route) for route in routes._routes))


def written(**to: Any) -> Route:
    more = {k: to.pop(k) for k in ("kinds", "reasons", "tenants") if k in to}
    return parse_routes(json.dumps([{"name": "out", "to": to, "from": "beginning", **more}]), "ledger.example")[0]


async def test_a_feed_by_https_is_in_order_goes_on_after_a_refusal_and_is_on_record(
    world: World, receiver: tuple[Receiver, str]
) -> None:
    made, url = receiver
    await world.usual()
    ref, _ = await world.note()
    await world.service._ledger.append(world.tenant, [entry(kind=EntryKind.GRANT, detail={"reason": REASON})])
    routes = routes_of(world, [written(https=url)])
    made.refuse = 1
    await once(routes)
    (standing,) = await routes.standings(world.tenant)
    assert standing.fault == "it answered 503" and standing.following == 0 and standing.waiting > 5
    await once(routes)
    assert not made.bodies, "not before its wait is over"
    world.clock.ahead = timedelta(seconds=3)
    await once(routes)
    rows = made.rows()
    indexes = [int(r["index"]) for r in rows]
    assert indexes == list(range(len(rows))) and made.headers[0]["content-type"] == "application/x-ndjson"
    assert all(set(r) == {"tenant", *COLUMNS} and r["tenant"] == world.tenant for r in rows)
    assert ref.record_id in str(rows) and REASON not in str(rows), "a reason stays in the ledger"
    (standing,) = await routes.standings(world.tenant)
    assert (standing.fault, standing.waiting) == (None, 0)
    told = await world.service._ledger.search(world.tenant, Filters(actions=("feed-entries",)))
    assert len(told) == 1 and told[0].entry.detail["rows"] == len(rows) - 1, "the batch that tells of it has no entry of its own"
    # after a restart it goes on where it was
    await world.ask(world.token("t-okafor", "therapist"), Action.READ, ref)
    await once(routes_of(world, [written(https=url)]))
    assert [int(r["index"]) for r in made.rows()] == list(range(len(made.rows()))) and len(made.rows()) == len(rows) + 2


async def test_an_alarm_goes_where_its_reason_sends_it(world: World, receiver: tuple[Receiver, str], tmp_path: Any) -> None:
    made, url = receiver
    (tmp_path / "secret").write_text("s3cret\n")
    ledger = world.service._ledger
    for reason in ("witness-saw-more", "receipt-without-entry"):
        await ledger.append(world.tenant, [entry(kind=EntryKind.ALARM, reason=reason), entry(reason=reason)])
    hook = written(webhook=url, secret_file=str(tmp_path / "secret"), kinds=["alarm"], reasons=["witness-*"])
    await once(routes_of(world, [hook]))
    (body,) = made.bodies
    told = json.loads(body)
    assert told["tenant"] == world.tenant and [e["reason"] for e in told["entries"]] == ["witness-saw-more"]
    assert made.headers[0]["x-signature"] == "sha256=" + hmac.digest(b"s3cret", body, sha256).hex()
    elsewhere = written(webhook=url, kinds=["alarm"], tenants=["another-*"])
    assert not elsewhere.takes(world.tenant)


async def test_syslog_by_tcp_and_by_udp(world: World) -> None:
    got: list[bytes] = []
    done = asyncio.Event()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:  # octet counting (RFC 6587, 3.4.1)
                count = int((await reader.readuntil(b" ")).decode())
                got.append(await reader.readexactly(count))
        writer.close()
        done.set()

    class Datagrams(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            udp.append(data)

    udp: list[bytes] = []
    name = 'Zoë "Z" [x]\\'
    await world.service._ledger.append(
        world.tenant, [entry(kind=EntryKind.ALARM, reason="forged"), entry(outcome="deny", agent_name=name), entry(2)]
    )
    server = await asyncio.start_server(read, "127.0.0.1", 0)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", 0))
    try:
        await once(routes_of(world, [written(syslog="tcp", host="127.0.0.1", port=server.sockets[0].getsockname()[1])]))
        await asyncio.wait_for(done.wait(), 5)
        assert [m.split(b" ")[0] for m in got[:3]] == [b"<105>1", b"<108>1", b"<110>1"], "alert, warning, informational"
        assert got[0].split(b" ")[2:6] == [b"ledger.example", b"audit_log", b"-", b"alarm"]
        assert 'agent_name="Zoë \\"Z\\" [x\\]\\\\"' in got[1].decode() and b"[entry@32473 tenant=" in got[1]
        route = written(syslog="udp", host="127.0.0.1", port=transport.get_extra_info("sockname")[1])
        await once(routes_of(world, [Route("udp", route.sink, from_the_beginning=True)]))
        async with asyncio.timeout(5):
            while len(udp) < 3:
                await asyncio.sleep(0.01)
        assert udp[:3] == got[:3]
    finally:
        server.close()
        transport.close()


def test_no_line_of_a_name_makes_a_second_message() -> None:
    row = dict.fromkeys(COLUMNS, "x") | {"agent_name": "a\n<13>1 forged\r\x00", "kind": "query", "outcome": "permit"}
    assert b"\n" not in syslog_message("h", "north", row) and b"\x00" not in syslog_message("h", "north", row)


@asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[int, list[str]]]:
    """Speaks as much SMTP (RFC 5321) as a client without extensions needs."""
    mails: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                break
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], mails
    finally:
        server.close()


async def test_alarms_by_mail_and_never_in_the_clear_unless_told(world: World) -> None:
    await world.service._ledger.append(world.tenant, [entry(kind=EntryKind.ALARM, reason="witness-saw-more")])
    async with mail_server() as (port, mails):
        to = {"mail": ["officer@clinic.example"], "host": "127.0.0.1", "port": port, "from": "ledger@clinic.example"}
        routes = routes_of(world, [written(**to, kinds=["alarm"])])
        await once(routes)
        (standing,) = await routes.standings(world.tenant)
        assert not mails and standing.fault == "the mail server did not take it: SMTPNotSupportedError"
        await once(routes_of(world, [written(**to, require_tls=False, kinds=["alarm"])]))
        (mail,) = mails
        parsed = message_from_string(mail)
        assert parsed["To"] == "officer@clinic.example" and parsed["Subject"].startswith("1 entry in the ledger of")
        assert "witness-saw-more" in str(parsed.get_payload())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("{}", "a list of routes"),
        ('[{"name": "x"}]', "it has a name, a `to`"),
        ('[{"name": "X", "to": {}}]', "its name is of"),
        ('[{"name": "x", "to": {}}]', "is one of https"),
        ('[{"name": "x", "to": {"https": "http://siem.example"}}]', "over https"),
        ('[{"name": "x", "to": {"syslog": "udp"}}]', "host"),
        ('[{"name": "x", "to": {"https": "https://a"}, "kinds": ["all"]}]', "kinds are"),
        ('[{"name": "x", "to": {"https": "https://a"}, "from": "then"}]', "from is now or beginning"),
        ('[{"name": "x", "to": {"https": "https://a"}, "more": 1}]', "it has a name"),
        ('[{"name": "x", "to": {"https": "https://a"}}, {"name": "x", "to": {"https": "https://b"}}]', "two routes of one name"),
        ('[{"name": "x", "to": {"https": "https://a", "token_file": "/nowhere/x"}}]', "No such file"),
    ],
)
def test_a_route_that_cannot_be_used_is_named(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_routes(text, "h")
