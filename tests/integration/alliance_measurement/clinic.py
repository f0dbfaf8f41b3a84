"""A clinic over the whole record in one process: real databases, the real gate, HTTP on a real socket."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from infra.embedded.runtime import DATABASES, Embedded, EmbeddedSettings
from services.audit_log.bootstrap import AuditLogService
from tests.support.clients import session_bound
from tests.support.http import serving
from tests.support.postgres import Postgres

STRAINED_AND_REPAIRED = (44, 45, 46, 45, 47, 46, 33, 34, 46, 47, 48, 48)


@dataclass(frozen=True)
class Answered:
    status: int
    body: Any
    headers: Mapping[str, str]


def answers_of(total: int, items: int = 12) -> dict[str, int]:
    """Answers that sum to `total`."""
    base, extra = divmod(total, items)
    return {str(i): base + (1 if i <= extra else 0) for i in range(1, items + 1)}


class World:
    """The running record."""

    def __init__(self, running: Embedded, http: aiohttp.ClientSession, url: str, prefix: str, admin_dsn: str) -> None:
        self.running, self.http, self.url, self.prefix, self.admin_dsn = running, http, url, prefix, admin_dsn

    def clinic(self) -> "Clinic":
        return Clinic(self, f"clinic-{secrets.token_hex(4)}")


@asynccontextmanager
async def running_world(postgres: Postgres, directory: Path) -> AsyncIterator[World]:
    prefix = f"t{secrets.token_hex(4)}_"
    for name in DATABASES:
        postgres.to_drop(prefix + name)
    settings = EmbeddedSettings(directory, "http://127.0.0.1:8100", postgres.admin_dsn, prefix)
    async with Embedded(settings) as running, aiohttp.ClientSession() as http:
        assert running.app is not None
        async with serving(running.app) as url:
            yield World(running, http, url, prefix, postgres.admin_dsn)


class Clinic:
    """One tenant with one client. Callers are named by role: `therapist`, `supervisor`, `stranger`, `client`, …"""

    def __init__(self, world: World, tenant: str) -> None:
        self.world, self.tenant = world, tenant
        self.client_id = ""
        self._tokens: dict[str, str] = {}

    def token(self, who: str) -> str:
        if who not in self._tokens:
            role = {"stranger": "therapist", "second_officer": "compliance_officer"}.get(who, who)
            claims = {"sub": f"{who}.{self.tenant}", "name": who, "tenant": self.tenant, "role": role}
            if who == "client":
                claims["client_id"] = self.client_id
            self._tokens[who] = self.world.running.issuer.token(claims)
        return self._tokens[who]

    async def call(
        self,
        method: str,
        path: str,
        who: str | None,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        sent = dict(headers or {})
        if who is not None:
            sent["Authorization"] = f"Bearer {self.token(who)}"
        data = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
        if data is not None:
            sent["Content-Type"] = "application/json"
        async with self.world.http.request(method, self.world.url + path, data=data, headers=sent) as answer:
            content = await answer.read()
            return Answered(answer.status, orjson.loads(content) if content else None, answer.headers)

    async def done(self, method: str, path: str, who: str, body: Any = None) -> Any:
        answer = await self.call(method, path, who, body)
        assert answer.status < 300, (answer.status, answer.body)
        return answer.body

    async def opened(self, *consents: str) -> "Clinic":
        """With a client who has a therapist and a supervisor, and has signed these consents (by default to measurement)."""
        registered = await self.done("POST", "/v1/clients", "intake", {"name": "Tova Lind", "birth_date": "1988-02-11"})
        self.client_id = registered["id"]
        for role in ("therapist", "supervisor"):
            related = {
                "client_id": self.client_id,
                "practitioner_id": f"{role}.{self.tenant}",
                "role": role,
                "period": {"start": today()},
            }
            await self.done("POST", "/v1/relationships", "intake", related)
        for kind in consents or ("measurement",):
            consent = await self.done("POST", "/v1/consents", "intake", self._consent(kind))
            await self.done("POST", f"/v1/consents/{consent['id']}/signatures", "client", {})
        return self

    def _consent(self, kind: str) -> dict[str, Any]:
        said = ("nature", "risks", "alternatives", "limits_of_confidentiality")
        return {
            "client_id": self.client_id,
            "kind": kind,
            "grantor": {"role": "client", "name": "Tova Lind"},
            "policy": {"base": "permit", "provisions": []},
            "period": {"start": today()},
            "elements": {"explained_by": "Dr. Okafor", "explained_on": today()} | dict.fromkeys(said, "as explained"),
        }

    async def ask(self, instrument: str = "wai-sr", rater: str = "client", who: str = "therapist", **more: Any) -> Any:
        body = {"client_id": self.client_id, "instrument": instrument, "rater": rater, **more}
        return await self.done("POST", "/v1/administrations", who, body)

    async def session_bound(self) -> str:
        """The id of a session of the client, as far as the gate knows of one: nobody else hears of it."""
        gate = next(s for s in self.world.running.services if isinstance(s, AuditLogService))
        return await session_bound(gate._store, self.tenant, self.client_id)

    async def rate(self, totals: Sequence[int], instrument: str = "wai-sr") -> list[str]:
        """Administrations asked for and answered by the client, one after the other."""
        ids = []
        for total in totals:
            asked = await self.ask(instrument, session_id=await self.session_bound())
            path = f"/v1/administrations/{asked['id']}/responses"
            await self.done("POST", path, "client", {"answers": answers_of(total)})
            ids.append(asked["id"])
        return ids

    async def release(self, **choice: str) -> Any:
        return await self.done("PUT", f"/v1/clients/{self.client_id}/alliance/release", "client", choice)

    async def alliance(self, who: str, instrument: str = "wai-sr") -> Answered:
        return await self.call("GET", f"/v1/clients/{self.client_id}/alliance?instrument={instrument}", who)


def today() -> str:
    return datetime.now(UTC).date().isoformat()


async def eventually(check: Any, seconds: float = 3.0) -> Any:
    """The first truthy result of `await check()` within that time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await check()
        if found or asyncio.get_running_loop().time() > deadline:
            return found
        await asyncio.sleep(0.02)
