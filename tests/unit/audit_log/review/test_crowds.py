"""Uses among very many clients in an hour, or after a search: found in time that grows with their number alone."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import pytest

from services.audit_log.officers.application.judging import BURST, SEARCHED, crowds
from services.audit_log.officers.domain.access import Known, Work

DAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def use(index: int, seconds: float, client: str | None, action: str = "read", agent: str = "t-rivera") -> dict[str, Any]:
    return {"idx": index, "agent": agent, "client_id": client, "action": action, "at": DAY + timedelta(seconds=seconds)}


def by_definition(rows: Sequence[Mapping[str, Any]]) -> tuple[set[int], set[int]]:
    bursts, searches = set(), set()
    for r in rows:
        before = [o for o in rows if o["agent"] == r["agent"] and o["at"] <= r["at"] and o["idx"] <= r["idx"]]
        hour = {o["client_id"] for o in before if r["at"] - o["at"] <= timedelta(hours=1)}
        if len(hour) >= BURST:
            bursts.add(r["idx"])
        found = {o["client_id"] for o in before if o["action"] == "search" and r["at"] - o["at"] <= timedelta(minutes=10)}
        if r["action"] == "read" and len(found) >= SEARCHED:
            searches.add(r["idx"])
    return bursts, searches


@pytest.mark.parametrize("seed", range(8))
async def test_they_are_those_of_the_definition(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    at, rows = 0.0, []
    for n in range(400):
        at += rng.choice((0, 1, 5, 20)) if rng.random() < 0.98 else rng.choice((700, 3_600))
        client = rng.choice([None, *map(str, range(3 * BURST))])
        rows.append(use(n, at, client, rng.choice(("read", "search", "search", "export")), rng.choice(("a", "b"))))
    found = await crowds(rows)
    assert found == by_definition(rows)
    assert found[0] and found[1], "both were there to be found"


async def test_one_person_with_very_many_uses_holds_nobody_up() -> None:
    rows = [use(n, n * 0.07, str(n % 900)) for n in range(50_000)]
    longest, beat = 0.0, perf_counter()

    async def beating() -> None:
        nonlocal longest, beat
        while True:
            beat = perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, perf_counter() - beat)

    task, began = asyncio.create_task(beating()), perf_counter()
    bursts, _ = await crowds(rows)
    took = perf_counter() - began
    task.cancel()
    assert len(bursts) > 40_000 and took < 10, took
    assert longest < took / 4, "the loop was free in between"


@pytest.mark.parametrize("seed", range(4))
def test_what_was_known_around_a_use_is_that_of_the_definition(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    moments = sorted(DAY + timedelta(minutes=rng.randrange(5_000)) for _ in range(60))
    work = tuple(Work(str(n), rng.choice("ab"), rng.choice(("session", "client")), at) for n, at in enumerate(moments))
    known = Known(work=work, refused={"a": tuple(moments)})
    for at in [*moments, *(DAY + timedelta(minutes=rng.randrange(6_000)) for _ in range(200))]:
        within = timedelta(minutes=rng.choice((0, 1, 60, 900)))
        written = [w for w in work if abs(w.at - at) <= within]
        assert known.worked(at, within) == bool(written)
        assert known.worked(at, within, author="a") == any(w.author == "a" for w in written)
        before = any(timedelta() < at - refused <= within for refused in moments)
        assert known.refused_before("a", at, within) == before
        assert not known.refused_before("b", at, within)
