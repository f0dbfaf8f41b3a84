"""A service that is told to stop stops, whatever it is just doing."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import pytest

from shared.messaging.in_process import InProcessBus
from shared.messaging.relay import Relay


class NothingPending:
    """An outbox that is led and empty."""

    async def lead(self) -> bool:
        return True

    async def pending(self, limit: int) -> list[Any]:
        return []

    async def delete(self, ids: Sequence[int]) -> None:
        raise AssertionError("nothing was pending")


@pytest.mark.parametrize("turns", range(8))
async def test_a_relay_that_is_woken_and_cancelled_at_once_ends(turns: int) -> None:
    """`asyncio.wait_for` of Python 3.11 forgets a cancellation that comes when what it waits for is just done."""
    relay = Relay(
        NothingPending(), InProcessBus(), cast(Any, None), now=lambda: datetime.now(UTC), new_id=uuid4, poll_seconds=60.0
    )
    running = asyncio.create_task(relay.run())
    await asyncio.sleep(0.05)
    relay.wake()
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=1)
    still = running not in done
    running.cancel()
    await asyncio.wait({running})
    assert not still
