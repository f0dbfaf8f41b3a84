"""One who calls the REST surface of the embedded run, by tokens of its development issuer."""

from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import aiohttp
import orjson

TENANT: Final = "demo"


class DemoFailed(RuntimeError):
    """A call that should have gone through did not. It names path and status, never a body."""


class Caller:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self.url = session, url
        self.calls = 0

    async def token(self, sub: str, name: str, role: str, client_id: str | None = None) -> str:
        body = {"sub": sub, "name": name, "tenant": TENANT, "role": role}
        if client_id:
            body["client_id"] = client_id
        return str((await self.post("/dev/token", body, token=None))["access_token"])

    async def post(self, path: str, body: Any, *, token: str | None, at: datetime | None = None, verb: str = "POST") -> Any:
        """`at`: the moment at which it is played."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers |= {"Authorization": f"Bearer {token}", "Idempotency-Key": f"demo-{path}-{hash_of(body)}"}
        if at is not None:
            headers["Demo-Clock"] = at.isoformat()
        self.calls += 1
        async with self._session.request(verb, self.url + path, data=orjson.dumps(body), headers=headers) as answer:
            if answer.status >= 400:
                raise DemoFailed(f"the demo clinic could not be made: {verb} {path} answered {answer.status}")
            return await answer.json()

    async def get(self, path: str, *, token: str) -> tuple[int, Any]:
        async with self._session.get(self.url + path, headers={"Authorization": f"Bearer {token}"}) as answer:
            return answer.status, await answer.json()


def hash_of(body: Any) -> str:
    return sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24]
