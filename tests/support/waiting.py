"""Waiting for something that another task does."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """TimeoutError where it does not come about within that time."""
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.02)
