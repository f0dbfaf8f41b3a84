"""The gate over HTTP: service assertion, signed requests, timeouts. No answer means nothing was decided."""

import ssl as tls
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

import aiohttp
import msgspec
import orjson

from shared.contracts.disclosure import (
    DisclosureAnswer,
    DisclosureRequest,
    PolicyConfirmation,
    PolicyConfirmationRequest,
    ReleaseRequest,
    ReleaseState,
)
from shared.contracts.downtime import GateKeyRequest, LateAnswer, LateWrite, SignedGateKey
from shared.contracts.records import ServiceName
from shared.gate.port import Away, GateUnavailable
from shared.http.connections import connector
from shared.http.problems import PROBLEM_JSON, Fault, Problem
from shared.identity.assertions import ServiceCaller
from shared.identity.service_keys import ServiceDirectory, ServiceKeys

TIMEOUT_SECONDS: Final = 5
CONFIRMATION_TIMEOUT_SECONDS: Final = 8
"""the gate itself waits up to 5 s for a policy sequence"""
CONNECTIONS: Final = 64

A = TypeVar("A", DisclosureAnswer, PolicyConfirmation, ReleaseState, SignedGateKey, LateAnswer)


class HttpGate:
    """Implements `shared.gate.port.Gate` and `LateGate` for one service. Call `close` when the service stops."""

    def __init__(
        self,
        base_url: str,
        service_keys: ServiceKeys,
        directory: ServiceDirectory,
        *,
        ssl: tls.SSLContext | None = None,
        now: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        """`base_url` is the gate's origin, without a trailing slash; `ssl` checks its certificate."""
        self._base_url, self._ssl = base_url.rstrip("/"), ssl
        self._caller = ServiceCaller(
            service_keys, directory, ServiceName.AUDIT_LOG, clock=lambda: now().timestamp(), random=random
        )
        self._session: aiohttp.ClientSession | None = None

    async def disclose(self, request: DisclosureRequest) -> DisclosureAnswer:
        return await self._post("/v1/disclosures", request, DisclosureAnswer)

    async def confirm_policy(self, tenant: str, sequence: int) -> PolicyConfirmation:
        request = PolicyConfirmationRequest(tenant=tenant, sequence=sequence)
        return await self._post("/v1/policy-confirmations", request, PolicyConfirmation, CONFIRMATION_TIMEOUT_SECONDS)

    async def set_release(self, request: ReleaseRequest) -> ReleaseState:
        return await self._post("/v1/releases", request, ReleaseState)

    async def gate_key(self) -> SignedGateKey:
        return await self._post("/v1/gate-key", GateKeyRequest(), SignedGateKey)

    async def settle(self, write: LateWrite) -> LateAnswer:
        return await self._post("/v1/late-writes", write, LateAnswer)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, path: str, request: msgspec.Struct, answer: type[A], seconds: float = TIMEOUT_SECONDS) -> A:
        body = msgspec.json.encode(request)
        status, raw, kind = await self._send(path, body, seconds)
        if status == 401 and _slug(raw) == "unknown-service":
            # the gate may have been started anew, or our clock crossed the assertion's end: once more with a new one
            self._caller.forget()
            status, raw, kind = await self._send(path, body, seconds)
        if status == 200:
            try:
                return msgspec.json.decode(raw, type=answer)
            except msgspec.DecodeError:
                raise GateUnavailable("the gate's answer is not in the agreed form: run both in the same version") from None
        if status in (401, 403, 422) and kind == PROBLEM_JSON and _slug(raw) != "unknown-service":
            raise _problem(status, raw)
        raise GateUnavailable(f"the gate answered {status}: nothing was decided", _why(raw))

    async def _send(self, path: str, body: bytes, seconds: float) -> tuple[int, bytes, str]:
        headers = {"Content-Type": "application/json", **self._caller.headers("POST", path, "", body)}
        try:
            async with self._open().post(
                self._base_url + path,
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,
            ) as response:
                return response.status, await response.read(), response.content_type
        except (aiohttp.ClientError, OSError) as error:
            message = f"the gate cannot be reached ({type(error).__name__}): nothing was decided"
            raise GateUnavailable(message, Away.GATE) from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(self._ssl, limit=CONNECTIONS), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def _document(raw: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _slug(raw: bytes) -> str:
    return str(_document(raw).get("type", "")).rpartition("/")[2]


def _why(raw: bytes) -> Away:
    """What the gate says is away; a gate that answers is not itself."""
    try:
        why = Away(_document(raw).get("reason", ""))
    except ValueError:
        return Away.OTHER
    return why if why is not Away.GATE else Away.OTHER


def _problem(status: int, raw: bytes) -> Problem:
    document = _document(raw)
    errors = [Fault(str(e.get("pointer", "")), str(e.get("detail", ""))) for e in document.get("errors", ())]
    title, detail = str(document.get("title", "Refused")), str(document.get("detail", ""))
    return Problem(status, _slug(raw) or "refused", title, detail, errors=errors)
