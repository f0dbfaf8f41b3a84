"""Where routes lead: NDJSON over HTTPS, syslog (RFC 5424), a webhook, mail."""

import asyncio
import hmac
import smtplib
import socket
import ssl as tls
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from hashlib import sha256
from typing import Final

import aiohttp
import orjson

from services.audit_log.routes_out.application.routes import NotTaken

SECONDS: Final = 10.0
_GOODBYE_SECONDS: Final = 1.0
_FACILITY: Final = 13
"""log audit (RFC 5424, table 1)"""
_SEVERITIES: Final = {"alarm": 1, "deny": 4}
"""alert, warning; else informational"""
_MAX_DATAGRAM: Final = 2048
"""octets that every receiver should take (RFC 5424, 6.1)"""
Rows = Sequence[dict[str, str]]


@dataclass(frozen=True, slots=True)
class HttpSink:
    """POST of one JSON object a line (`application/x-ndjson`), or, as a webhook, of one JSON document. With a `secret` the body
    is signed: `X-Signature: sha256=<hex of HMAC-SHA256>`."""

    url: str
    token: str | None = None
    """bearer token of the receiver"""
    secret: bytes | None = None
    webhook: bool = False
    ssl: tls.SSLContext | None = None

    async def send(self, tenant: str, rows: Rows) -> None:
        if self.webhook:
            body, kind = orjson.dumps({"tenant": tenant, "entries": list(rows)}), "application/json"
        else:
            body, kind = b"".join(orjson.dumps({"tenant": tenant, **row}) + b"\n" for row in rows), "application/x-ndjson"
        headers = {"Content-Type": kind}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.secret is not None:
            headers["X-Signature"] = f"sha256={hmac.digest(self.secret, body, sha256).hex()}"
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        connector = aiohttp.TCPConnector(ssl=self.ssl if self.ssl is not None else True)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.post(self.url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                if not 200 <= answer.status < 300:
                    raise NotTaken(f"it answered {answer.status}")
        except aiohttp.ClientError as error:
            raise NotTaken(f"it does not answer: {type(error).__name__}") from None


@dataclass(frozen=True, slots=True)
class SyslogSink:
    """RFC 5424 by UDP (RFC 5426), TCP with octet counting (RFC 6587) or TLS (RFC 5425)."""

    host: str
    port: int
    transport: str
    """udp, tcp or tls"""
    hostname: str
    """of this deployment, as it stands in the messages"""
    ssl: tls.SSLContext | None = None

    async def send(self, tenant: str, rows: Rows) -> None:
        messages = [syslog_message(self.hostname, tenant, row) for row in rows]
        if self.transport == "udp":
            await self._datagrams([m[:_MAX_DATAGRAM] for m in messages])
            return
        async with asyncio.timeout(SECONDS):
            context = (self.ssl or tls.create_default_context()) if self.transport == "tls" else None
            _, writer = await asyncio.open_connection(self.host, self.port, ssl=context)
            try:
                writer.transport.set_write_buffer_limits(0)  # drained: none of it is ours any more
                writer.write(b"".join(str(len(m)).encode() + b" " + m for m in messages))
                await writer.drain()
                writer.close()
                # RFC 5425, 4.4: a sender need not wait for the other side's close_notify; some never send it
                with suppress(TimeoutError):
                    async with asyncio.timeout(_GOODBYE_SECONDS):
                        await writer.wait_closed()
            finally:
                writer.transport.abort()

    async def _datagrams(self, messages: Sequence[bytes]) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(self.host, self.port))
        try:
            for message in messages:
                transport.sendto(message)
            await asyncio.sleep(0)
        finally:
            transport.close()


def syslog_message(hostname: str, tenant: str, row: dict[str, str]) -> bytes:
    """`<PRI>1 TIMESTAMP HOSTNAME audit_log - MSGID [SD] MSG`: columns as structured data under enterprise number 32473, which
    RFC 5612 keeps for examples and private use."""
    severity = _SEVERITIES.get(row["kind"], _SEVERITIES.get(row["outcome"], 6))
    values = " ".join(f'{name}="{_escaped(value)}"' for name, value in (("tenant", tenant), *row.items()) if value)
    host = "".join(c if 33 <= ord(c) <= 126 else "-" for c in hostname)[:255] or "-"
    told = f"{row['agent']} {row['action']} {row['outcome']}"
    text = f"<{_FACILITY * 8 + severity}>1 {row['at']} {host} audit_log - {row['kind']} [entry@32473 {values}] \ufeff{told}"
    return text.encode()


def _escaped(value: str) -> str:
    """A PARAM-VALUE (RFC 5424, 6.3.3); control characters become spaces."""
    clean = "".join(c if c.isprintable() else " " for c in value)
    return clean.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


@dataclass(frozen=True, slots=True)
class MailSink:
    """One mail a batch, by SMTP (the standard library's client, in a thread): under TLS from the start (RFC 8314), or by
    STARTTLS (RFC 3207) where the server offers it."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    require_tls: bool = True
    """else a server that offers no STARTTLS gets the mail in the clear"""
    implicit_tls: bool = False
    ssl: tls.SSLContext | None = None

    async def send(self, tenant: str, rows: Rows) -> None:
        message = EmailMessage()
        message["From"], message["To"] = self.sender, ", ".join(self.to)
        entries = "1 entry" if len(rows) == 1 else f"{len(rows)} entries"
        message["Subject"] = f"{entries} in the ledger of {tenant} to look at"
        lines = [f"{r['at']}  {r['kind']}: {r['reason'] or r['action']}  (entry {r['index']}, by {r['agent']})" for r in rows]
        message.set_content("\n".join([*lines, "", "What they mean: docs/operations/ledger.md. Nothing clinical is in it."]))
        try:
            await asyncio.to_thread(self._deliver, message)
        except (smtplib.SMTPException, socket.gaierror) as error:
            raise NotTaken(f"the mail server did not take it: {type(error).__name__}") from None

    def _deliver(self, message: EmailMessage) -> None:
        context = self.ssl or tls.create_default_context()
        with self._connected(context) as server:
            server.ehlo()
            if not self.implicit_tls and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif not self.implicit_tls and self.require_tls:
                raise smtplib.SMTPNotSupportedError("no STARTTLS")
            if self.user is not None and self.password is not None:
                server.login(self.user, self.password)
            server.send_message(message)

    def _connected(self, context: tls.SSLContext) -> smtplib.SMTP:
        if self.implicit_tls:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=SECONDS)
