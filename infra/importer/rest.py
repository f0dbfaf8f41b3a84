"""The importer's side of the REST surface: tokens, safe repeats, patience while the server is busy."""

import asyncio
from typing import Any, Final

import aiohttp
import orjson

ATTEMPTS: Final = 6
ANSWER_SECONDS: Final = 60


REUSED: Final = "idempotency-key-reused"
VERIFYING_SECONDS: Final = 900


class Refused(Exception):
    """The server said no, and why; trying again will not help."""

    def __init__(self, words: str, status: int = 0, kind: str = "") -> None:
        super().__init__(words)
        self.status, self.kind = status, kind
        """status 0: nothing answered; kind: the last part of the problem's `type`"""


class Api:
    """Every POST carries an Idempotency-Key, so that a repeat never doubles anything."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url.rstrip("/")

    async def development_token(self, sub: str, role: str, tenant: str) -> str:
        body = {"sub": sub, "role": role, "tenant": tenant}
        return str((await self._send("POST", "/dev/token", body, {}))["access_token"])

    async def post(self, token: str, path: str, body: Any, key: str) -> Any:
        return await self._send("POST", path, body, {"Authorization": f"Bearer {token}", "Idempotency-Key": key})

    async def put(self, token: str, path: str, body: Any, version: int) -> Any:
        headers = {"Authorization": f"Bearer {token}", "If-Match": f'W/"{version}"'}
        return await self._send("PUT", path, body, headers)

    async def search(self, token: str, path: str, body: Any) -> list[Any]:
        """What a search by POST finds, in the body so that no words stand in a URL."""
        found = await self._send("POST", path, body, {"Authorization": f"Bearer {token}"})
        return list(found["items"])

    async def get(self, token: str, path: str, seconds: float | None = None) -> Any:
        return await self._send("GET", path, None, {"Authorization": f"Bearer {token}"}, seconds)

    async def pages(self, token: str, path: str) -> list[Any]:
        """All items of a list."""
        items: list[Any] = []
        paged = f"{path}{'&' if '?' in path else '?'}limit=200"
        page = await self.get(token, paged)
        while True:
            items += page["items"]
            if not page["next"]:
                return items
            page = await self.get(token, f"{paged}&cursor={page['next']}")

    async def _send(self, verb: str, path: str, body: Any, headers: dict[str, str], seconds: float | None = None) -> Any:
        timeout = aiohttp.ClientTimeout(total=seconds or ANSWER_SECONDS)
        data = None if body is None else orjson.dumps(body)
        for attempt in range(ATTEMPTS):
            try:
                async with self._session.request(
                    verb,
                    self._url + path,
                    data=data,
                    timeout=timeout,
                    headers={**headers, "Content-Type": "application/json"},
                ) as answer:
                    content = await answer.read()
                    if answer.status < 400:
                        return orjson.loads(content)
                    if answer.status not in (429, 502, 503, 504):
                        raise Refused(f"{verb} {path}: {answer.status} {_why(content)}", answer.status, _kind(content))
                    reason = f"{answer.status} {_why(content)}"
            except TimeoutError:
                reason = f"no answer within {timeout.total:g} s"
            except aiohttp.ClientError:
                reason = f"nothing answers at {self._url} (start it with `make run`)"
            if attempt + 1 < ATTEMPTS:
                await asyncio.sleep(min(0.5 * 2**attempt, 8))
        raise Refused(f"{verb} {path}: {reason}; run the same command again to go on from here")


def _why(content: bytes) -> str:
    try:
        problem = orjson.loads(content)
        faults = "; ".join(f"{e['pointer']}: {e['detail']}" for e in problem.get("errors", []))
        return " ".join(t for t in (problem.get("title", ""), problem.get("detail", ""), faults) if t)
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return ""


def _kind(content: bytes) -> str:
    try:
        return str(orjson.loads(content)["type"]).replace(":", "/").rpartition("/")[2]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
