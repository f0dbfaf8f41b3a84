import asyncio
from collections.abc import Sequence

import pytest

from shared.eventstore.group import GroupCommit
from shared.eventstore.model import Overloaded, Refused, StoreError, StoreUnavailable


class Disk:
    """Commits on request, and notes every batch."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_once = 0
        self.most_at_once = 0

    async def commit(self, tenant: str, items: Sequence[int]) -> Sequence[int | StoreError]:
        self.batches.append((tenant, list(items)))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.gate.wait()
        self.at_once -= 1
        if 13 in items:
            raise RuntimeError("the disk is gone")
        return [Refused("odd") if item < 0 else item * 2 for item in items]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_comes_during_a_commit_goes_together() -> None:
    disk = Disk()
    group: GroupCommit[int, int] = GroupCommit(disk.commit)
    disk.gate.clear()
    first = asyncio.create_task(group.submit("haven", 1))
    await settle()
    rest = [asyncio.create_task(group.submit("haven", n)) for n in (2, 3, 4)]
    await settle()
    disk.gate.set()
    assert await asyncio.gather(first, *rest) == [2, 4, 6, 8]
    assert disk.batches == [("haven", [1]), ("haven", [2, 3, 4])]


async def test_a_batch_has_its_limit_and_keeps_the_order() -> None:
    disk = Disk()
    group: GroupCommit[int, int] = GroupCommit(disk.commit, batch=3)
    await asyncio.gather(*(group.submit("haven", n) for n in range(8)))
    assert [items for _, items in disk.batches] == [[0, 1, 2], [3, 4, 5], [6, 7]]


async def test_tenants_never_share_a_batch_and_take_turns() -> None:
    disk = Disk()
    group: GroupCommit[int, int] = GroupCommit(disk.commit, writers=1, batch=2)
    calls = [group.submit("loud", n) for n in range(6)] + [group.submit("quiet", 7), group.submit("third", 8)]
    await asyncio.gather(*calls)
    assert [tenant for tenant, _ in disk.batches] == ["loud", "quiet", "third", "loud", "loud"]
    assert disk.most_at_once == 1


async def test_tenants_commit_side_by_side_but_one_batch_each() -> None:
    disk = Disk()
    disk.gate.clear()
    group: GroupCommit[int, int] = GroupCommit(disk.commit, writers=2, batch=1)
    calls = [asyncio.create_task(group.submit(tenant, n)) for n in range(2) for tenant in ("a", "b", "c")]
    await settle()
    assert sorted(tenant for tenant, _ in disk.batches) == ["a", "b"]
    disk.gate.set()
    await asyncio.gather(*calls)
    assert disk.most_at_once == 2
    for tenant in ("a", "b", "c"):
        assert [items for t, items in disk.batches if t == tenant] == [[0], [1]]


async def test_each_has_its_own_answer() -> None:
    group: GroupCommit[int, int] = GroupCommit(Disk().commit)
    answers = await asyncio.gather(*(group.submit("haven", n) for n in (1, -1, 2)), return_exceptions=True)
    assert (answers[0], answers[2]) == (2, 4)
    assert isinstance(answers[1], Refused)


async def test_a_commit_that_raises_tells_its_batch_and_goes_on() -> None:
    group: GroupCommit[int, int] = GroupCommit(Disk().commit)
    answers = await asyncio.gather(group.submit("haven", 1), group.submit("haven", 13), return_exceptions=True)
    assert all(isinstance(a, StoreError) for a in answers)
    assert await group.submit("haven", 2) == 4


async def test_who_is_cancelled_while_waiting_is_left_out() -> None:
    disk = Disk()
    group: GroupCommit[int, int] = GroupCommit(disk.commit)
    disk.gate.clear()
    begun = asyncio.create_task(group.submit("haven", 1))
    await settle()
    waiting = [asyncio.create_task(group.submit("haven", n)) for n in (2, 3)]
    await settle()
    begun.cancel()
    waiting[0].cancel()
    disk.gate.set()
    answers = await asyncio.gather(begun, *waiting, return_exceptions=True)
    assert [type(a) for a in answers] == [asyncio.CancelledError, asyncio.CancelledError, int]
    assert disk.batches == [("haven", [1]), ("haven", [3])]


async def test_the_queue_is_bounded() -> None:
    disk = Disk()
    group: GroupCommit[int, int] = GroupCommit(disk.commit, capacity=2)
    answers = await asyncio.gather(*(group.submit(t, n) for n, t in enumerate("aab")), return_exceptions=True)
    assert isinstance(answers[2], Overloaded)
    assert await group.submit("haven", 5) == 10


async def test_closing_answers_all_and_takes_no_more() -> None:
    group: GroupCommit[int, int] = GroupCommit(Disk().commit, batch=1)
    waiting = [asyncio.create_task(group.submit("haven", n)) for n in range(4)]
    await asyncio.sleep(0)
    await group.close()
    assert [task.result() for task in waiting] == [0, 2, 4, 6]
    with pytest.raises(StoreUnavailable):
        await group.submit("haven", 1)
