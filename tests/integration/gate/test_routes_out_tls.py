"""Routes out under TLS, to real servers with certificates of a test's own authority: HTTPS, syslog (RFC 5425), mail by STARTTLS
(RFC 3207) and under TLS from the start (RFC 8314). What cannot be trusted gets nothing, and the alarm waits."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path_

from infra.compose.certificates import Authority
from services.audit_log.ledger.domain.entry import EntryKind
from tests.integration.gate.gate_support import World
from tests.integration.gate.test_routes_out import once, routes_of, written
from tests.support.http import serving
from tests.support.ledger import entry
from tests.support.ports import free_port

REASON = "witness-saw-more"
Got = list[bytes]


def context(tls: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(tls / "cert.pem", tls / "key.pem")
    return made


@asynccontextmanager
async def https(port: int, tls: Path, got: Got) -> AsyncIterator[None]:
    async def take(request: Request) -> Response:
        got.append(await request.body())
        return Response(status_code=204)

    async with serving(Starlette(routes=[Path_("/in", take, methods=["POST"])]), port, tls):
        yield


@asynccontextmanager
async def syslog(port: int, tls: Path, got: Got) -> AsyncIterator[None]:
    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                count = int((await reader.readuntil(b" ")).decode())
                got.append(await reader.readexactly(count))
        writer.close()

    async with _served(await asyncio.start_server(read, "127.0.0.1", port, ssl=context(tls))):
        yield


def mail(*, implicit: bool, offers: bool = True) -> Callable[[int, Path, Got], AbstractAsyncContextManager[None]]:
    """As much of SMTP (RFC 5321) as is needed. What came in the clear begins with `clear: ` in `got`."""

    @asynccontextmanager
    async def server(port: int, tls: Path, got: Got) -> AsyncIterator[None]:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example\r\n")
            safe = implicit
            with suppress(OSError):
                while line := await reader.readline():
                    verb = line[:4].upper()
                    if verb == b"EHLO":
                        writer.write(b"250-mail.example\r\n250 STARTTLS\r\n" if offers and not safe else b"250 mail.example\r\n")
                    elif verb == b"STAR":
                        writer.write(b"220 go ahead\r\n")
                        await writer.drain()
                        await writer.start_tls(context(tls))
                        safe = True
                    elif verb == b"DATA":
                        writer.write(b"354 go on\r\n")
                        got.append((b"" if safe else b"clear: ") + await reader.readuntil(b"\r\n.\r\n"))
                        writer.write(b"250 ok\r\n")
                    else:
                        if not safe and verb in (b"MAIL", b"RCPT", b"AUTH"):
                            got.append(b"clear: " + line)
                        writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                        if verb == b"QUIT":
                            break
            writer.close()

        async with _served(await asyncio.start_server(talk, "127.0.0.1", port, ssl=context(tls) if implicit else None)):
            yield

    return server


@asynccontextmanager
async def _served(server: asyncio.Server) -> AsyncIterator[None]:
    try:
        yield
    finally:
        server.close()
        await asyncio.sleep(0)


_MAIL: dict[str, Any] = {"mail": ["officer@clinic.example"], "host": "localhost", "from": "ledger@clinic.example"}
WAYS: dict[str, tuple[Any, dict[str, Any]]] = {
    "https": (https, {"https": "https://localhost:PORT/in"}),
    "webhook": (https, {"webhook": "https://localhost:PORT/in"}),
    "syslog": (syslog, {"syslog": "tls", "host": "localhost"}),
    "starttls": (mail(implicit=False), _MAIL),
    "implicit": (mail(implicit=True), _MAIL | {"implicit_tls": True}),
}


def route_to(way: str, port: int, ca: Path | None) -> Any:
    to = {k: v.replace("PORT", str(port)) if isinstance(v, str) else v for k, v in WAYS[way][1].items()}
    if "host" in to:
        to["port"] = port
    if ca is not None:
        to["ca_file"] = str(ca)
    return written(**to, kinds=["alarm"])


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, Path]:
    """Folder of a server's certificate by what is wrong with it; all but `unknown` of one authority."""
    clinic, long_ago = Authority.made(), Authority.made(datetime.now(UTC) - timedelta(days=900))
    made = {name: tmp_path / name for name in ("good", "unknown", "host", "expired")}
    for folder in made.values():
        folder.mkdir()
    clinic.host(made["good"], "localhost")
    Authority.made().host(made["unknown"], "localhost")
    clinic.host(made["host"], "log.elsewhere.example")
    long_ago.host(made["expired"], "localhost")
    (tmp_path / "ca.pem").write_bytes(clinic.pem + long_ago.pem)
    return made | {"ca": tmp_path / "ca.pem"}


FAULT = {
    "https": "it does not answer: ClientConnectorCertificateError",
    "webhook": "it does not answer: ClientConnectorCertificateError",
    "syslog": "it does not answer: SSLCertVerificationError",
    "starttls": "it does not answer: SSLCertVerificationError",
    "implicit": "it does not answer: SSLCertVerificationError",
}


@pytest.mark.parametrize("wrong", ["unknown", "host", "expired"])
@pytest.mark.parametrize("way", list(WAYS))
async def test_who_cannot_be_trusted_gets_nothing_and_the_alarm_waits(
    world: World, certificates: dict[str, Path], way: str, wrong: str
) -> None:
    await world.service._ledger.append(world.tenant, [entry(kind=EntryKind.ALARM, reason=REASON)])
    got: Got = []
    port, server = free_port(), WAYS[way][0]
    routes = routes_of(world, [route_to(way, port, certificates["ca"])])
    async with server(port, certificates[wrong], got):
        for seconds in (0, 3):
            world.clock.ahead = timedelta(seconds=seconds)
            await once(routes)
            (standing,) = await routes.standings(world.tenant)
            assert (standing.fault, standing.following) == (FAULT[way], 0) and standing.waiting > 0
    assert got == [], "not a word of it"
    async with server(port, certificates["good"], got):
        world.clock.ahead = timedelta(minutes=10)
        await once(routes)
        await _arrived(got)
    (standing,) = await routes.standings(world.tenant)
    assert (standing.fault, standing.following) == (None, 1)
    assert sum(one.count(REASON.encode()) for one in got) >= 1 and not any(one.startswith(b"clear") for one in got)


@pytest.mark.parametrize("way", list(WAYS))
async def test_without_an_authority_of_ones_own_the_systems_are_asked(
    world: World, certificates: dict[str, Path], way: str
) -> None:
    await world.service._ledger.append(world.tenant, [entry(kind=EntryKind.ALARM, reason=REASON)])
    got: Got = []
    port = free_port()
    routes = routes_of(world, [route_to(way, port, None)])
    async with WAYS[way][0](port, certificates["good"], got):
        await once(routes)
    (standing,) = await routes.standings(world.tenant)
    assert (standing.fault, standing.following, got) == (FAULT[way], 0, [])


async def test_a_mail_server_that_offers_no_starttls_gets_nothing(world: World, certificates: dict[str, Path]) -> None:
    """Nor does one between, that takes the offer away: not even the addresses."""
    await world.service._ledger.append(world.tenant, [entry(kind=EntryKind.ALARM, reason=REASON)])
    got: Got = []
    port = free_port()
    routes = routes_of(world, [route_to("starttls", port, certificates["ca"])])
    async with mail(implicit=False, offers=False)(port, certificates["good"], got):
        await once(routes)
        (standing,) = await routes.standings(world.tenant)
        assert standing.fault == "the mail server did not take it: SMTPNotSupportedError" and standing.following == 0
    assert got == []
    async with mail(implicit=False)(port, certificates["good"], got):
        world.clock.ahead = timedelta(seconds=3)
        await once(routes)
    assert len(got) == 1 and REASON.encode() in got[0]


async def test_a_syslog_receiver_that_never_says_goodbye_has_taken_it(world: World, certificates: dict[str, Path]) -> None:
    """RFC 5425, 4.4: a sender does not wait for the other side's close_notify; else each batch would come again for ever."""
    await world.service._ledger.append(world.tenant, [entry(kind=EntryKind.ALARM, reason=REASON)])
    got, gone = bytearray(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def read() -> None:
            taken, _ = listener.accept()
            with context(certificates["good"]).wrap_socket(taken, server_side=True, suppress_ragged_eofs=False) as peer:
                while REASON.encode() not in got:
                    got.extend(peer.recv(4_096))
                gone.wait(30)

        reading = asyncio.get_running_loop().run_in_executor(None, read)
        routes = routes_of(world, [route_to("syslog", listener.getsockname()[1], certificates["ca"])])
        try:
            await once(routes)
            (standing,) = await routes.standings(world.tenant)
        finally:
            gone.set()
            await reading
    assert (standing.fault, standing.following) == (None, 1) and REASON.encode() in got


async def _arrived(got: Got) -> None:
    async with asyncio.timeout(5):
        while not any(REASON.encode() in one for one in got):
            await asyncio.sleep(0.01)


def test_an_authority_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        route_to("https", 1, tmp_path / "nowhere.pem")
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(ValueError, match="route out"):
        route_to("syslog", 1, tmp_path / "empty.pem")


def test_a_name_that_begins_like_loopback_is_not_loopback() -> None:
    with pytest.raises(ValueError, match="over https"):
        written(https="http://localhost.evil.example/in")
    with pytest.raises(ValueError, match="over https"):
        written(webhook="http://127.0.0.1@evil.example/in")
