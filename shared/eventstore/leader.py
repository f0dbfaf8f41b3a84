"""One connection that may lead: leadership is a session advisory lock of that very connection, and ends with it."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import asyncpg

from shared.eventstore.failures import store_error
from shared.eventstore.model import StoreUnavailable

SECONDS = 10.0
# A leader reads an index from its beginning, a page at a time. Where a table has just grown a hundredfold its statistics lag
# behind, and the planner would rather gather and sort all that waits, for every page.
_IN_ORDER_OF_THE_INDEX = {"enable_bitmapscan": "off", "enable_seqscan": "off", "enable_sort": "off"}
# A machine that is gone says no goodbye: for as long as the server believes in its connection, nobody else leads. So the server
# is asked to look every second, and to give up after three (over a socket file an end is never silent, and these say nothing).
_FOUND_OUT_SOON = {
    "tcp_keepalives_idle": "1",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "3000",
}
Answer = TypeVar("Answer")


class LeaderConnection:
    """Used by one event loop; one statement at a time. `lock` is a two-part advisory lock: streams lock in the one-part space."""

    def __init__(self, url: str, lock: tuple[int, int]) -> None:
        self._url, self._lock = url, lock
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._leads = False
        self._one_at_a_time = asyncio.Lock()

    async def open(self) -> None:
        """Optional: `lead` connects as well. Raises StoreUnavailable."""
        async with self._one_at_a_time:
            await self._connected()

    async def close(self) -> None:
        """Gives the lead up. Idempotent."""
        connection, self._connection, self._leads = self._connection, None, False
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=SECONDS)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()

    async def lead(self) -> bool:
        """Whether this process leads; ask again after False. Raises StoreUnavailable."""
        async with self._one_at_a_time:
            connection = await self._connected()
            if not self._leads:
                try:
                    self._leads = await connection.fetchval("SELECT pg_try_advisory_lock($1::int, $2::int)", *self._lock)
                except Exception as error:
                    raise store_error(error) from None
            return self._leads

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """One statement as the leader. Raises StoreUnavailable, also without the lead."""
        async with self._one_at_a_time:
            if self._connection is None or self._connection.is_closed() or not self._leads:
                self._leads = False
                raise StoreUnavailable("this process does not lead: call lead() again")
            return await self._asked(self._connection.fetch(sql, *args))

    async def value(self, sql: str, *args: Any) -> Any:
        """One value, with or without the lead. Raises StoreUnavailable."""
        async with self._one_at_a_time:
            connection = await self._connected()
            return await self._asked(connection.fetchval(sql, *args))

    async def _asked(self, answer: Awaitable[Answer]) -> Answer:
        try:
            return await answer
        except Exception as error:
            if self._connection is None or self._connection.is_closed():  # whatever the driver calls it
                raise StoreUnavailable("the connection of the leader ended: call lead() again") from None
            raise store_error(error) from None

    async def _connected(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._leads = False
            try:
                self._connection = await asyncpg.connect(
                    self._url,
                    timeout=SECONDS,
                    command_timeout=SECONDS,
                    server_settings={**_IN_ORDER_OF_THE_INDEX, **_FOUND_OUT_SOON},
                )
            except Exception as error:
                raise store_error(error) from None
        return self._connection
