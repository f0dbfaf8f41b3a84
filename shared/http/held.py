"""An answer that is streamed while something is held for it: a file, or a place in a queue."""

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class HeldResponse(StreamingResponse):
    """`held` is called when the answer has left, was given up, or took longer than `seconds`."""

    def __init__(
        self,
        content: AsyncIterable[bytes],
        *,
        held: Callable[[], None],
        seconds: float,
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(content, media_type=media_type, headers=headers)
        self._held, self._seconds = held, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await super().__call__(scope, receive, send)
        finally:
            self._held()
