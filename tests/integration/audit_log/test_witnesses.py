"""Witnesses by others (transparency-dev's, in Go) cosign our log with both kinds of keys, and verifiers by others (torchwood,
transparency-dev/formats) judge what comes of it: a fork, a database set back, a split view, a missing cosignature."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import copytree

import pytest

from services.audit_log.assurance.adapters.witness_http import HttpWitnesses, parse_witnesses
from services.audit_log.assurance.application import witnessing
from services.audit_log.assurance.application.witnessing import Witness, WitnessAnswer, Witnessing
from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.domain.cosignature import open_cosigned
from services.audit_log.ledger.domain.signed_note import NoteInvalid, parse_vkey, split_note
from services.audit_log.ledger.domain.tlog_proof import parse_proof
from shared.eventstore.databases import DatabaseUrls
from shared.service.clock import now
from tests.integration.audit_log.test_ledger_tampering import backup_of
from tests.support import go
from tests.support.ledger import entry, open_ledger, signed
from tests.support.postgres import MakeDatabase, Postgres

SOURCE = Path(__file__).parent / "go_witness"
EVERY = timedelta(milliseconds=50)


@pytest.fixture(scope="module")
async def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return await go.build(SOURCE, tmp_path_factory.mktemp("go"))


@pytest.fixture
async def urls(make_database: MakeDatabase) -> DatabaseUrls:
    return await make_database("audit_log")


@pytest.fixture
def anchors(tmp_path: Path) -> Path:
    return tmp_path / "anchors"


@dataclass
class Running:
    witness: Witness
    vkeys: list[str]


@asynccontextmanager
async def witness_of(programs: Path, state: Path, name: str, *logs: str) -> AsyncIterator[Running]:
    """A process of its own, with an Ed25519 and an ML-DSA-44 key, that knows these logs."""
    keys = state / name.replace("/", "-")
    process = await asyncio.create_subprocess_exec(
        str(programs / "witness"), "-name", name, "-keys", str(keys), *logs, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        said = [(await asyncio.wait_for(process.stdout.readline(), 10)).decode().split() for _ in range(3)]
        vkeys, url = [said[0][1], said[1][1]], said[2][1]
        text = "".join(f"witness {name.rpartition('/')[2]} {vkey} {url}\n" for vkey in vkeys)
        yield Running(parse_witnesses(text)[0], vkeys)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def witnessed(ledger: PostgresLedger, *running: Running) -> AsyncIterator[Witnessing]:
    http = HttpWitnesses()
    witnessing = Witnessing([r.witness for r in running], ledger, http, now=now, every=EVERY)
    task = asyncio.create_task(witnessing.run())
    try:
        yield witnessing
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await http.close()


async def until(holds: Callable[[], bool] | Callable[[], object], seconds: float = 10) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = holds()
        if await found if asyncio.iscoroutine(found) else found:
            return
        assert asyncio.get_running_loop().time() < deadline, "it did not come about"
        await asyncio.sleep(0.05)


async def filled(ledger: PostgresLedger, numbers: Sequence[int]) -> int:
    indexes = await ledger.append("north", [entry(n) for n in numbers])
    await signed(ledger, "north", indexes[-1])
    return indexes[-1] + 1


async def cosigned(ledger: PostgresLedger, size: int, count: int) -> None:
    async def enough() -> bool:
        return sum(c.size == size for c in await ledger.cosigned("north")) == count

    await until(enough)


async def alarms(ledger: PostgresLedger) -> list[tuple[str, object]]:
    found = await ledger.search("north", Filters(kinds=("alarm",)))
    return [(s.entry.reason, s.entry.detail["cosigned"]) for s in found]


def policy(log: str, *running: Running) -> str:
    """In torchwood's format, which knows Ed25519 witnesses; all of them are asked for."""
    lines = [f"log {log}", *(f"witness {r.witness.name} {r.vkeys[0]}" for r in running)]
    names = " ".join(r.witness.name for r in running)
    return "\n".join([*lines, f"group all all {names}", "quorum all"]) if running else "\n".join([*lines, "quorum none"])


async def test_two_witnesses_cosign_with_both_kinds_of_keys_and_others_verify_it(
    programs: Path, urls: DatabaseUrls, anchors: Path, tmp_path: Path
) -> None:
    async with open_ledger(urls, anchors) as ledger:
        log = ledger.vkey("north")
        async with (
            witness_of(programs, tmp_path, "witness.example/w1", log) as one,
            witness_of(programs, tmp_path, "witness.example/w2", log) as two,
            witnessed(ledger, one, two) as witnessing,
        ):
            for numbers in (range(1), range(1, 300), range(300, 303)):
                size = await filled(ledger, numbers)
                await cosigned(ledger, size, 2)
            proof = await ledger.proof("north", 17)
            checkpoint = await ledger.checkpoint("north") or b""
            standings = witnessing.standings("north", await ledger.cosigned("north"), size)
            assert [(s.witness, s.size, s.behind, s.lag, s.fault) for s in standings] == [
                ("w1", 303, 0, timedelta(), None),
                ("w2", 303, 0, timedelta(), None),
            ]
            text, found = open_cosigned(checkpoint, parse_vkey(log), [*one.witness.cosigners, *two.witness.cosigners], 2)
            assert len(found) == 4 and text.splitlines()[1] == "303"
            files = {"proof": proof.text, "leaf": proof.leaf, "checkpoint": checkpoint, "policy": policy(log, one, two).encode()}
            for name, content in files.items():
                (tmp_path / name).write_bytes(content)
            judge = str(programs / "verify")
            code, said = await go.run(
                judge, "cosigned", "-log", log, "-checkpoint", str(tmp_path / "checkpoint"), *one.vkeys, *two.vkeys
            )
            assert (code, said) == (0, "ok: 4 cosignatures\n")
            under_policy = (judge, "proof", *(p for n in ("policy", "proof", "leaf") for p in (f"-{n}", str(tmp_path / n))))
            assert await go.run(*under_policy) == (0, "ok\n")
            # a missing cosignature
            kept = parse_proof(proof.text).checkpoint
            lines = [line for line in split_note(kept)[1] if line.name != "witness.example/w2"]
            without = split_note(kept)[0] + "\n" + "".join(line.text() for line in lines)
            (tmp_path / "proof").write_bytes(proof.text.replace(kept, without.encode()))
            code, said = await go.run(*under_policy)
            assert code != 0 and "policy" in said, said
            with pytest.raises(NoteInvalid, match="2 witnesses are asked for, 1 cosigned"):
                open_cosigned(without.encode(), parse_vkey(log), [*one.witness.cosigners, *two.witness.cosigners], 2)


async def test_a_witness_that_comes_later_or_lost_its_state_is_caught_up_with(
    programs: Path, urls: DatabaseUrls, anchors: Path, tmp_path: Path
) -> None:
    """409 with the size that it knows, and its answer is taken up; what it is behind and since when is told meanwhile."""
    async with open_ledger(urls, anchors) as ledger:
        log = ledger.vkey("north")
        await filled(ledger, range(5))
        async with witness_of(programs, tmp_path, "witness.example/w1", log) as one, witnessed(ledger, one) as witnessing:
            await cosigned(ledger, 5, 1)
        async with witnessed(ledger, one) as witnessing:  # it is away now
            size = await filled(ledger, range(5, 9))
            await until(lambda: witnessing.standings("north", [], size)[0].fault is not None)
            standing = witnessing.standings("north", await ledger.cosigned("north"), size)[0]
            assert (standing.size, standing.behind) == (5, 4) and "does not answer" in (standing.fault or "")
            assert standing.lag is not None and standing.lag > timedelta()
        # with its state lost: it never saw five
        async with witness_of(programs, tmp_path, "witness.example/w1", log) as again, witnessed(ledger, again):
            await cosigned(ledger, 9, 1)
        assert not await alarms(ledger)


async def test_a_database_and_anchor_set_back_together_are_told_by_the_witness(
    programs: Path, urls: DatabaseUrls, anchors: Path, tmp_path: Path, postgres: Postgres
) -> None:
    """The one attack that the anchor cannot see: somebody put both back to the same day."""
    async with open_ledger(urls, anchors) as ledger:
        log = ledger.vkey("north")
        await filled(ledger, range(5))
    async with witness_of(programs, tmp_path, "witness.example/w1", log) as one, backup_of(postgres, urls) as old:
        copytree(anchors, tmp_path / "old-anchors")
        async with open_ledger(urls, anchors) as ledger, witnessed(ledger, one):
            await cosigned(ledger, await filled(ledger, range(5, 9)), 1)
        async with open_ledger(old, tmp_path / "old-anchors") as ledger, witnessed(ledger, one) as witnessing:
            size = await filled(ledger, range(100, 101))
            await until(lambda: witnessing.standings("north", [], size)[0].fault is not None)
            assert "cosigned 9 entries, this log has 6" in (witnessing.standings("north", [], size)[0].fault or "")
            await until(lambda: alarms(ledger))
            assert await alarms(ledger) == [(witnessing_saw_more(), 9)]


def witnessing_saw_more() -> str:
    return witnessing.WITNESS_SAW_MORE


async def test_of_a_split_view_only_one_is_cosigned(
    programs: Path, urls: DatabaseUrls, anchors: Path, tmp_path: Path, postgres: Postgres
) -> None:
    """Two databases under one key, each with an anchor that fits: one world for the officer, another for the monitor."""
    async with open_ledger(urls, anchors) as ledger:
        log = ledger.vkey("north")
        await filled(ledger, range(5))
    async with backup_of(postgres, urls) as fork, witness_of(programs, tmp_path, "witness.example/w1", log) as one:
        copytree(anchors, tmp_path / "other")
        async with open_ledger(urls, anchors) as ledger, witnessed(ledger, one):
            await cosigned(ledger, await filled(ledger, range(5, 9)), 1)
        async with open_ledger(fork, tmp_path / "other") as ledger, witnessed(ledger, one) as view:
            size = await filled(ledger, range(100, 110))
            await until(lambda: view.standings("north", [], size)[0].fault is not None)
            assert "the log forked" in (view.standings("north", [], size)[0].fault or "")
            await until(lambda: alarms(ledger))
            assert await alarms(ledger) == [(witnessing.WITNESS_SAW_ANOTHER, 9)]
            assert not await ledger.cosigned("north")
            (tmp_path / "proof").write_bytes((await ledger.proof("north", 2)).text)
            (tmp_path / "leaf").write_bytes((await ledger.proof("north", 2)).leaf)
        (tmp_path / "policy").write_text(policy(log, one))
        arguments = [p for n in ("policy", "proof", "leaf") for p in (f"-{n}", str(tmp_path / n))]
        code, _ = await go.run(str(programs / "verify"), "proof", *arguments)
        assert code != 0, "the second view has no witness"
        (tmp_path / "policy").write_text(policy(log))
        code, _ = await go.run(str(programs / "verify"), "proof", *arguments)
        assert code == 0, "who asks for no witness is taken in: that is why there are witnesses"


class Answering:
    """A witness that answers what it is told to."""

    def __init__(self, status: int, body: bytes = b"", media_type: str = "text/plain") -> None:
        self.answer, self.asked = WitnessAnswer(status, media_type, body), 0

    async def add_checkpoint(self, url: str, body: bytes) -> WitnessAnswer:
        self.asked += 1
        return self.answer


@pytest.mark.parametrize(
    ("status", "body", "media_type", "fault"),
    [
        (404, b"", "", "does not know this log"),
        (403, b"", "", "does not know the key"),
        (500, b"", "", "answered 500"),
        (409, b"1\n", "text/x.tlog.size", "another size each time"),
        (409, b"1", "text/x.tlog.size", "answered 409"),
        (409, b"1\n", "text/plain", "answered 409"),
        (200, b"", "", "malformed"),
        (200, "\u2014 somebody.else AAAAAAAA\n".encode(), "", "no signature of its configured keys"),
        (200, b"\xff\n", "", "no signature line"),
    ],
)
async def test_an_answer_that_is_no_cosignature_is_told_and_tried_again_later(
    urls: DatabaseUrls, anchors: Path, status: int, body: bytes, media_type: str, fault: str
) -> None:
    port = Answering(status, body, media_type)
    async with open_ledger(urls, anchors) as ledger:
        size = await filled(ledger, range(3))
        view = Witnessing([Witness("w", "https://w.example", ())], ledger, port, now=now, every=EVERY)
        task = asyncio.create_task(view.run())
        await until(lambda: view.standings("north", [], size)[0].fault is not None)
        asked = port.asked
        await asyncio.sleep(0.3)
        task.cancel()
        assert fault in (view.standings("north", [], size)[0].fault or ""), view.standings("north", [], size)
        assert port.asked == asked, "it is not asked again within a second"
        assert not await ledger.cosigned("north")
