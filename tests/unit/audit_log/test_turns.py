"""Costly work takes turns, bounded in all, by tenant and by person."""

import asyncio

import pytest

from services.audit_log.ledger.application.turns import Busy, Door, Limits, Turns

LIMITS = Limits(places=4, of_tenant=3, of_person=2)


def test_each_bound_holds_and_a_place_that_is_left_is_free() -> None:
    turns = Turns(LIMITS)
    first, second = turns.take("north", "a"), turns.take("north", "a")
    with pytest.raises(Busy, match="one person"):
        turns.take("north", "a")
    turns.take("north", "b")
    with pytest.raises(Busy, match="organisation"):
        turns.take("north", "c")
    turns.take("south", "a")
    with pytest.raises(Busy, match="Many"):
        turns.take("east", "a")
    first.leave()
    first.leave()
    turns.take("north", "c")
    with pytest.raises(Busy):
        turns.take("north", "d")
    with second:
        pass
    turns.take("north", "d")


async def test_who_came_first_is_at_work_first() -> None:
    turns, order = Turns(LIMITS), []

    async def work(number: int) -> None:
        async with turns.at_work():
            order.append(f"begins {number}")
            await asyncio.sleep(0)
            order.append(f"ends {number}")

    await asyncio.gather(*map(work, range(3)))
    assert order == ["begins 0", "ends 0", "begins 1", "ends 1", "begins 2", "ends 2"]


async def test_after_each_page_its_place_rests_and_its_answer_does_not_wait_for_that() -> None:
    resting, open_ = Door(inside=1, waiting=5, rest=1e9), Door(inside=1, waiting=5)
    for door in (resting, open_):
        async with door.inside():
            await asyncio.sleep(0.001)
    async with open_.inside():
        pass
    waiting = asyncio.create_task(resting.inside().__aenter__())
    for _ in range(100):
        await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_place_is_free_again_after_a_failure_and_a_cancelled_wait() -> None:
    door = Door(inside=1, waiting=1)
    with pytest.raises(ZeroDivisionError):
        async with door.inside():
            raise ZeroDivisionError
    async with door.inside():
        waiting = asyncio.create_task(door.inside().__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(1), door.inside():
        pass
