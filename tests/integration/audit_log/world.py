"""The ledger's pages over HTTP, on a real ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.application.ledger_view import Filters
from shared.identity.development import DevelopmentIssuer

OTHER = "22222222-2222-4222-8222-222222222222"
ANY = Filters()


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return orjson.loads(self.raw)


@dataclass
class Api:
    ledger: PostgresLedger
    base_url: str
    session: aiohttp.ClientSession
    issuer: DevelopmentIssuer

    async def get(self, path: str, role: str | None = "compliance_officer", **other: str) -> Answer:
        headers = {k.replace("_", "-"): v for k, v in other.items() if k not in ("client_id", "tenant", "sub")}
        if role is not None:
            claims = {"sub": other.get("sub", f"{role}-1"), "name": "Imani Brook", "tenant": other.get("tenant", "north")}
            claims |= {"role": role} | ({"client_id": other["client_id"]} if "client_id" in other else {})
            headers["Authorization"] = f"Bearer {self.issuer.token(claims)}"
        async with self.session.get(self.base_url + path, headers=headers) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def post(self, path: str, body: Any, role: str = "compliance_officer") -> Answer:
        claims = {"sub": f"{role}-1", "name": "Imani Brook", "tenant": "north", "role": role}
        headers = {"Authorization": f"Bearer {self.issuer.token(claims)}"}
        async with self.session.post(self.base_url + path, json=body, headers=headers) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def newest(self) -> Any:
        return (await self.ledger.search("north", ANY, limit=1))[0].entry


def indexes(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.raw
    return [item["index"] for item in answer.body["items"]]
