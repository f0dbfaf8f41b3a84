"""The gate's key as a service keeps it: only what the gate signed, only while it may be written to."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from shared.contracts.downtime import GATE_KEY, GATE_KEY_PLACE, GateKey, SignedGateKey
from shared.contracts.records import ServiceName
from shared.contracts.topics import AUDIT
from shared.eventstore.model import StoreUnavailable
from shared.gate import pinned
from shared.gate.pinned import FETCH_AGAIN, FETCH_EVERY, PinnedKey, verified
from shared.gate.port import GateUnavailable
from shared.http.problems import forbidden
from shared.messaging.signature import EventSigner, SignatureVerifier
from tests.support.waiting import until
from tests.unit.identity.test_service_assertions import DIRECTORY, KEYS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERIFIER = SignatureVerifier(DIRECTORY)


def key(number: int = 1, *, start: timedelta = timedelta(), days: int = 1, public: str = "ab" * 32) -> GateKey:
    start_at = NOW + start
    return GateKey(key_id=f"g_{number}", public=public, written_from=start_at, written_until=start_at + timedelta(days=days))


def signed(
    of: GateKey, *, by: ServiceName = ServiceName.AUDIT_LOG, kind: str = GATE_KEY, place: str = GATE_KEY_PLACE
) -> SignedGateKey:
    statement = of.model_dump_json().encode()
    headers = EventSigner(KEYS[by]).sign(AUDIT, place, {"ce_type": kind}, statement)
    return SignedGateKey(statement=statement, headers=headers)


@dataclass
class Gate:
    answers: list[SignedGateKey | Exception]
    asked: int = 0

    async def gate_key(self) -> SignedGateKey:
        self.asked += 1
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Kept:
    found: list[SignedGateKey] = field(default_factory=list)
    fails: bool = False

    async def keep(self, key_id: str, signed: SignedGateKey, at: datetime) -> None:
        if self.fails:
            raise StoreUnavailable("away")
        assert at == NOW and key_id.startswith("g_")
        self.found.insert(0, signed)

    async def kept(self) -> list[SignedGateKey]:
        return self.found


def pin(gate: Gate, kept: Kept, heard: list[int] | None = None) -> PinnedKey:
    told = (lambda: None) if heard is None else (lambda: heard.append(1))
    return PinnedKey(cast(Any, gate), VERIFIER, kept, now=lambda: NOW, on_answer=told)


async def test_what_the_gate_signed_is_kept_and_used() -> None:
    kept, heard = Kept(), list[int]()
    held = pin(Gate([signed(key())]), kept, heard)
    assert await held.current() is None
    assert await held.fetch() and heard == [1]
    assert kept.found == [signed(key())] and await held.current() == key()


@pytest.mark.parametrize(
    "bad",
    [
        signed(key(), by=ServiceName.CONSENT),
        signed(key(), kind="audit.other"),
        signed(key(), place="elsewhere"),
        signed(key(public="ab" * 31)),
        signed(key(public="xy" * 32)),
        SignedGateKey(statement=signed(key()).statement + b" ", headers=signed(key()).headers),
        SignedGateKey(statement=signed(key()).statement, headers={}),
        SignedGateKey(statement=b"{}", headers=EventSigner(KEYS[ServiceName.AUDIT_LOG]).sign(
            AUDIT, GATE_KEY_PLACE, {"ce_type": GATE_KEY}, b"{}")),
    ],
)  # fmt: skip
async def test_what_it_did_not_sign_as_its_key_is_neither_kept_nor_used(bad: SignedGateKey) -> None:
    kept, heard = Kept(), list[int]()
    assert verified(bad, VERIFIER) is None
    assert not await pin(Gate([bad]), kept, heard).fetch()
    assert kept.found == [] and heard == [1], "the gate answered all the same"
    kept.found = [bad, signed(key(2))]
    assert await pin(Gate([bad]), kept).current() == key(2), "who writes to the database puts no key in its place"


@pytest.mark.parametrize("error", [GateUnavailable(), forbidden()])
async def test_a_gate_that_does_not_answer_is_asked_later(error: Exception) -> None:
    kept, heard = Kept(), list[int]()
    assert not await pin(Gate([error]), kept, heard).fetch()
    assert heard == [] == kept.found


async def test_a_database_that_does_not_answer_is_no_end() -> None:
    assert not await pin(Gate([signed(key())]), Kept(fails=True)).fetch()


@pytest.mark.parametrize(
    ("of", "usable"),
    [
        (key(start=timedelta(0)), True),
        (key(start=timedelta(seconds=1)), False),
        (key(start=timedelta(days=-1)), False),
        (key(start=timedelta(days=-1) + timedelta(seconds=1)), True),
    ],
)
async def test_a_key_is_written_to_in_its_time(of: GateKey, usable: bool) -> None:
    assert (await pin(Gate([]), Kept([signed(of)])).current() == of) is usable


async def test_the_newest_that_may_be_used_counts() -> None:
    late, old = key(3, start=timedelta(hours=1)), key(1)
    assert await pin(Gate([]), Kept([signed(late), signed(key(2)), signed(old)])).current() == key(2)


async def test_it_is_fetched_now_and_again_and_at_once_where_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (FETCH_EVERY, FETCH_AGAIN) == (300.0, 2.0)
    gate = Gate([GateUnavailable(), GateUnavailable(), signed(key())])
    held = pin(gate, Kept())
    monkeypatch.setattr(pinned, "FETCH_AGAIN", 0.01)
    task = asyncio.create_task(held.run())

    async def asked(times: int) -> None:
        async def enough() -> bool:
            return gate.asked >= times

        await until(enough)

    await asked(3)
    await asyncio.sleep(0.05)
    assert gate.asked == 3, "after an answer it waits five minutes"
    held.look()
    await asked(4)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
