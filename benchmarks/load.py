"""A bounded load of one kind of request from a few callers at once: requests a second, and the latency's quantiles."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True)
class Load:
    per_second: float
    p50_ms: float
    p99_ms: float


async def load(request: Callable[[int], Awaitable[None]], *, callers: int, count: int) -> Load:
    """`request(n)` is called `count` times in all by `callers` at once."""
    latencies: list[float] = []
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            begun = perf_counter()
            await request(number)
            latencies.append(perf_counter() - begun)

    begun = perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    seconds = perf_counter() - begun
    latencies.sort()
    return Load(count / seconds, latencies[count // 2] * 1000, latencies[min(count - 1, count * 99 // 100)] * 1000)
