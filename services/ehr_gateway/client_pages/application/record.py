"""A client's own record, asked of each service with the client's own token: this service opens nothing by itself, and every
look leaves its entry where it is answered."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from services.ehr_gateway.application.ports import Services, ServiceUnreachable
from shared.contracts.records import ServiceName
from shared.http.call import Call
from shared.http.problems import Fault, Problem, unavailable

LARGEST: Final = 4 << 20
"""bytes of one answer"""
MEASURES: Final = ("wai-sr",)
"""instruments of the alliance that the page of ratings shows"""


class OwnRecord:
    """`call`: of a client. Every method raises the Problem that the service answered, or 503."""

    def __init__(self, services: Services, call: Call, client_id: str, new_id: Callable[[], object]) -> None:
        self._services, self._call, self._client, self._new_id = services, call, client_id, new_id

    async def person(self) -> dict[str, Any]:
        return await self._get(ServiceName.SESSION_NOTES, f"/v1/clients/{self._client}")

    async def access(self, cursor: str | None = None) -> dict[str, Any]:
        more = f"&cursor={cursor}" if cursor else ""
        return await self._get(ServiceName.AUDIT_LOG, f"/v1/audit/clients/{self._client}/access-report?limit=50{more}")

    async def agreements(self) -> list[dict[str, Any]]:
        return list((await self._get(ServiceName.CONSENT, f"/v1/consents?client_id={self._client}"))["items"])

    async def people(self) -> list[dict[str, Any]]:
        return list((await self._get(ServiceName.CONSENT, f"/v1/relationships?client_id={self._client}"))["items"])

    async def notes(self, cursor: str | None = None) -> dict[str, Any]:
        more = f"&cursor={cursor}" if cursor else ""
        return await self._get(ServiceName.SESSION_NOTES, f"/v1/notes?client_id={self._client}&limit=20{more}")

    async def corrections(self) -> list[dict[str, Any]]:
        return list((await self._get(ServiceName.CONSENT, f"/v1/amendment-requests?client_id={self._client}"))["items"])

    async def ratings(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Who may see them, and the alliance's series by instrument."""
        path = f"/v1/clients/{self._client}/alliance"
        release, *series = await asyncio.gather(
            self._get(ServiceName.ALLIANCE, f"{path}/release"),
            *(self._get(ServiceName.ALLIANCE, f"{path}?instrument={name}") for name in MEASURES),
        )
        return release, list(series)

    async def withdraw(self, consent: str) -> None:
        await self._send("POST", ServiceName.CONSENT, f"/v1/consents/{consent}/revocations", {})

    async def agree(self, consent: str) -> None:
        await self._send("POST", ServiceName.CONSENT, f"/v1/consents/{consent}/signatures", {})

    async def release(self, therapist: str) -> None:
        await self._send("PUT", ServiceName.ALLIANCE, f"/v1/clients/{self._client}/alliance/release", {"therapist": therapist})

    async def ask_for_correction(self, note: str, what: str) -> None:
        body = {"client_id": self._client, "record_id": note, "record_type": "progress_note", "what": what}
        await self._send("POST", ServiceName.CONSENT, "/v1/amendment-requests", body)

    async def _get(self, service: ServiceName, path: str) -> dict[str, Any]:
        return await self._asked("GET", service, path, b"", {})

    async def _send(self, method: str, service: ServiceName, path: str, body: Mapping[str, Any]) -> None:
        await self._asked(method, service, path, orjson.dumps(body), {"Idempotency-Key": str(self._new_id())})

    async def _asked(
        self, method: str, service: ServiceName, path: str, body: bytes, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        sent = {"authorization": f"Bearer {self._call.token}", "x-request-id": self._call.request_id, **headers}
        try:
            async with self._services.call(method, service, path, sent, body) as answer:
                content = bytearray()
                async for chunk in answer.chunks():
                    content += chunk
                    if len(content) > LARGEST:
                        raise unavailable("The answer is too large for a page.")
                status = answer.status
        except ServiceUnreachable:
            raise unavailable("A part of your record cannot be reached.") from None
        said: dict[str, Any] = orjson.loads(bytes(content)) if content else {}
        if status >= 400:
            faults = [Fault(str(e.get("pointer", "")), str(e.get("detail", ""))) for e in said.get("errors", ())]
            slug = str(said.get("type", "")).rpartition("/")[2] or "refused"
            raise Problem(status, slug, str(said.get("title", "Refused")), str(said.get("detail", "")), errors=faults)
        return said
