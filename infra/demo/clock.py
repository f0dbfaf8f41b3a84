"""The clock of the embedded run: a request may say at which moment it is played (`Demo-Clock: 2026-03-02T10:00:00Z`).

In development alone, so that a worked course lies in the months in which it took place. Only what services write by that request
follows it: tokens, the gate's decisions and the ledger go by the real time, and so does everything that runs by itself.
"""

from contextvars import ContextVar
from datetime import datetime
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.service import clock
from shared.values.time import parse_instant

HEADER: Final = b"demo-clock"
_PLAYED: ContextVar[datetime | None] = ContextVar("demo_clock", default=None)


def now() -> datetime:
    """The moment that the request at work says; the real time without one, and never a later one."""
    played, real = _PLAYED.get(), clock.now()
    return real if played is None else min(played, real)


class DemoClock:
    """ASGI. A header that says no moment says nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = next((value for name, value in scope.get("headers", ()) if name == HEADER), None)
        if said is None:
            await self._app(scope, receive, send)
            return
        try:
            played = parse_instant(said.decode("latin-1"))
        except ValueError:
            played = None
        token = _PLAYED.set(played)
        try:
            await self._app(scope, receive, send)
        finally:
            _PLAYED.reset(token)
