"""A caller of the REST surface, as an EHR would be one: nothing here knows the inside."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import BytesIO
from time import perf_counter
from typing import Any

import aiohttp
import orjson


async def until(what: str, check: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    """Looks again and again; fails, naming `what`, after that time."""
    end = perf_counter() + seconds
    while not await check():
        assert perf_counter() < end, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.text)

    @property
    def id(self) -> str:
        return str(self.json["id"])

    @property
    def entries(self) -> list[int]:
        """Ledger indexes of the answer."""
        return [int(i) for i in self.headers.get("Audit-Entry", "").split(",") if i.strip()]


MintToken = Callable[..., str]
"""(sub=, role=, tenant=, client_id=) → bearer token"""


class Rest:
    """One deployment, one tenant. `ssl` is handed to aiohttp. `origin(path)` is where a path is answered."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        origin: str | Callable[[str], str],
        mint: MintToken,
        tenant: str,
        *,
        ssl: Any = True,
    ) -> None:
        self.session, self.mint, self.tenant, self.ssl = session, mint, tenant, ssl
        self.origin = (lambda _: origin.rstrip("/")) if isinstance(origin, str) else origin

    def as_(self, sub: str, role: str, *, client_id: str | None = None, tenant: str | None = None) -> "Person":
        token = self.mint(sub=sub, role=role, tenant=tenant or self.tenant, client_id=client_id)
        return Person(self, sub, token)


@dataclass(frozen=True)
class Person:
    rest: Rest
    sub: str
    token: str

    async def call(
        self, verb: str, path: str, body: Any = None, *, want: int | tuple[int, ...] | None = None, **headers: str
    ) -> Answer:
        """Sends it; with `want`, any other status fails the test and shows the (never clinical) problem."""
        sent = {"Authorization": f"Bearer {self.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        data = body if isinstance(body, bytes | BytesIO) else None if body is None else orjson.dumps(body)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        url = self.rest.origin(path) + path
        async with self.rest.session.request(verb, url, data=data, headers=sent, ssl=self.rest.ssl) as got:
            answer = Answer(got.status, {k.title(): v for k, v in got.headers.items()}, await got.text())
        wanted = (want,) if isinstance(want, int) else want
        if wanted is not None and answer.status not in wanted:
            raise AssertionError(f"{verb} {path} as {self.sub}: {answer.status}, wanted {want}: {answer.text[:800]}")
        return answer

    async def get(self, path: str, **kw: Any) -> Answer:
        kw.setdefault("want", 200)
        return await self.call("GET", path, **kw)

    async def post(self, path: str, body: Any = None, **kw: Any) -> Answer:
        kw.setdefault("want", 201)
        return await self.call("POST", path, {} if body is None else body, **kw)

    async def put(self, path: str, body: Any, **kw: Any) -> Answer:
        kw.setdefault("want", 200)
        return await self.call("PUT", path, body, **kw)


async def choose_law(law: str, first: Person, second: Person) -> None:
    """The pack that the practice is under from now on: two officers wish the same."""
    await first.put("/v1/audit/settings", {"law": law}, want=202)
    await second.put("/v1/audit/settings", {"law": law})
