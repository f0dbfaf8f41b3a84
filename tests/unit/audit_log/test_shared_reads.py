"""Reads that share a query: never older than their question, and each with its own fate."""

import asyncio

import pytest

from services.audit_log.keyring.adapters.shared_reads import AT_ONCE, SharedReads


class Database:
    """Answers when it is let go; `asked` keeps what each query asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.gates: list[asyncio.Event] = []
        self.fails = False

    async def read(self, tenant: str, names: list[str]) -> list[str]:
        self.asked.append(names)
        gate = asyncio.Event()
        self.gates.append(gate)
        await gate.wait()
        if self.fails:
            raise ConnectionError("away")
        return [f"{tenant}/{n}" for n in names]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_asks_while_queries_run_shares_the_next_which_begins_afterwards() -> None:
    database = Database()
    reads = SharedReads(database.read)
    first = [asyncio.create_task(reads.rows("t", [f"k{n}"])) for n in range(AT_ONCE)]
    await settle()
    later = [asyncio.create_task(reads.rows("t", [name])) for name in ("x", "y", "x")]
    await settle()
    assert database.asked == [[f"k{n}"] for n in range(AT_ONCE)]
    database.gates[0].set()
    await settle()
    assert database.asked[AT_ONCE:] == [["x", "y"]]
    for gate in database.gates:
        gate.set()
    assert await asyncio.gather(*later) == [["t/x", "t/y"]] * 3
    assert await asyncio.gather(*first) == [[f"t/k{n}"] for n in range(AT_ONCE)]


async def test_tenants_share_nothing() -> None:
    database = Database()
    reads = SharedReads(database.read)
    tasks = [asyncio.create_task(reads.rows(tenant, ["k"])) for tenant in ("a", "b", "c")]
    await settle()
    for gate in database.gates:
        gate.set()
    assert await asyncio.gather(*tasks) == [["a/k"], ["b/k"], ["c/k"]]


async def test_a_failure_reaches_all_who_shared_it_and_nobody_after() -> None:
    database = Database()
    database.fails = True
    reads = SharedReads(database.read)
    tasks = [asyncio.create_task(reads.rows("t", ["k"])) for _ in range(2)]
    for _ in range(3):
        await settle()
        for gate in database.gates:
            gate.set()
    assert all(isinstance(e, ConnectionError) for e in await asyncio.gather(*tasks, return_exceptions=True))
    database.fails = False
    again = asyncio.create_task(reads.rows("t", ["k"]))
    await settle()
    database.gates[-1].set()
    assert await again == ["t/k"]


async def test_one_who_goes_away_takes_the_answer_from_nobody() -> None:
    database = Database()
    reads = SharedReads(database.read)
    for n in range(AT_ONCE):
        asyncio.create_task(reads.rows("t", [f"k{n}"]))  # noqa: RUF006
    await settle()
    gone, stays = (asyncio.create_task(reads.rows("t", ["x"])) for _ in range(2))
    await settle()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    for gate in database.gates:
        gate.set()
    await settle()
    database.gates[-1].set()
    assert await stays == ["t/x"]
