"""A POST that opens records: safe to repeat, and its answer names the ledger entries of what it opened."""

from collections.abc import Awaitable
from typing import Protocol

from starlette.requests import Request

from shared.gate.ask import Opened
from shared.http.call import Call
from shared.http.idempotency import Answer, Idempotency, Repeat


class Work(Protocol):
    """What one POST does; not run again for a repeated one."""

    def __call__(self, *, repeat: Repeat) -> Awaitable[tuple[Answer, Opened]]: ...


async def posted(
    idempotency: Idempotency, call: Call, request: Request, raw: bytes, work: Work
) -> tuple[Answer, dict[str, str], bool]:
    """The answer of `work` and the headers of its entries; or the answer of its first run under the same Idempotency-Key, which
    opens nothing now and has no entry: then the headers are empty and the last is True. 422 for a key with another body."""
    headers: dict[str, str] = {}

    async def once(repeat: Repeat) -> Answer:
        answer, opened = await work(repeat=repeat)
        headers.update(opened.headers)
        return answer

    answer, repeated = await idempotency.run(call, f"{request.method} {request.url.path}", raw, once)
    return answer, headers, repeated
