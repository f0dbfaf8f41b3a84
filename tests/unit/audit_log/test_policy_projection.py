"""When the gate counts as fresh, and what it does about it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.audit_log.decision.application.policy_projection import PULL_PAUSE_SECONDS, PolicyProjection
from services.audit_log.decision.application.refused import Refused
from shared.contracts.consent_policy import (
    POLICY_CHANGED,
    POLICY_HEARTBEAT,
    PolicyChange,
    PolicyFeedItem,
    PolicyFeedPage,
    PolicyHeartbeat,
)
from shared.contracts.topics import CONSENT_POLICY
from shared.gate.port import GateUnavailable
from shared.messaging.port import Message
from tests.unit.audit_log.asking import CLIENT, consent, relation

T = "practice"


class Now:
    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Log:
    """Durable in the test's eyes."""

    def __init__(self) -> None:
        self.kept: dict[int, PolicyFeedItem] = {}

    async def load(self, tenant: str) -> list[PolicyFeedItem]:
        return [self.kept[n] for n in sorted(self.kept)]

    async def keep(self, tenant: str, items: Sequence[PolicyFeedItem]) -> None:
        for item in items:
            self.kept.setdefault(item.sequence, item)


class Feed:
    def __init__(self, *changes: PolicyChange) -> None:
        self.items = [PolicyFeedItem(sequence=n, event_id=uuid4(), change=c) for n, c in enumerate(changes, start=1)]
        self.down, self.reads, self.page = False, 0, 500

    async def read(self, tenant: str, after: int) -> PolicyFeedPage:
        self.reads += 1
        await asyncio.sleep(0)
        if self.down:
            raise ConnectionError
        return PolicyFeedPage(tenant=tenant, items=tuple(self.items[after : after + self.page]), head=len(self.items))


class At:
    """A projection with its surroundings."""

    def __init__(self, *changes: PolicyChange) -> None:
        self.now, self.log, self.feed = Now(), Log(), Feed(*changes)
        self.projection = PolicyProjection(self.log, self.feed, now=self.now)

    async def changed(self, sequence: int, change: PolicyChange) -> None:
        await self._handle(POLICY_CHANGED, sequence, change.model_dump_json().encode())

    async def beat(self, head: int, *, late: float = 0.0, tenant: str = T) -> None:
        beat = PolicyHeartbeat(tenant=tenant, head=head, at=self.now.at - timedelta(seconds=late))
        await self._handle(POLICY_HEARTBEAT, head, beat.model_dump_json().encode())

    async def _handle(self, kind: str, sequence: int, payload: bytes) -> None:
        message = Message(CONSENT_POLICY, T, f"{T}/{CLIENT}", uuid4(), kind, 1, "consent", sequence, "policy", payload)
        await self.projection.handlers()[kind](message)

    async def stale(self) -> bool:
        try:
            await self.projection.prove(T)
        except Refused as refused:
            return refused.reason == "stale"
        return False


ONE, TWO, THREE = relation("t-rivera", "therapist"), consent(), consent("measurement", n=2)


async def test_a_tenant_without_policy_is_fresh_at_zero() -> None:
    at = At()
    assert await at.projection.prove(T) == 0
    assert at.feed.reads == 1


async def test_heartbeats_alone_keep_it_fresh() -> None:
    at = At()
    at.feed.down = True
    await at.changed(1, ONE)
    for _ in range(20):
        await at.beat(1)
        at.now.later(1)
        assert await at.projection.prove(T) == 1
    assert at.feed.reads == 0


async def test_where_the_topic_is_silent_the_feed_is_pulled_page_by_page() -> None:
    at = At(ONE, TWO, THREE)
    at.feed.page = 1
    assert await at.projection.prove(T) == 3
    assert sorted(at.log.kept) == [1, 2, 3]
    reads = at.feed.reads
    at.now.later(1.9)
    await at.projection.prove(T)
    assert at.feed.reads == reads
    at.now.later(0.2)
    await at.projection.prove(T)
    assert at.feed.reads == reads + 1


async def test_concurrent_askers_share_one_pull() -> None:
    at = At(ONE)
    assert await asyncio.gather(*(at.projection.prove(T) for _ in range(50))) == [1] * 50
    assert at.feed.reads == 1


async def test_the_last_proof_counts_for_five_seconds_and_no_longer() -> None:
    at = At(ONE)
    await at.projection.prove(T)
    at.feed.down = True
    at.now.later(4.9)
    assert not await at.stale()
    at.now.later(0.2)
    assert await at.stale()
    at.feed.down = False
    at.now.later(PULL_PAUSE_SECONDS)
    assert not await at.stale()


async def test_a_feed_that_is_down_is_not_asked_by_everybody() -> None:
    at = At()
    at.feed.down = True
    for _ in range(20):
        assert await at.stale()
    assert at.feed.reads == 1


async def test_a_heartbeat_beyond_what_is_known_proves_nothing_until_it_is_known() -> None:
    at = At()
    at.feed.down = True
    await at.changed(1, ONE)
    await at.beat(2)
    assert await at.stale()
    await at.changed(2, TWO)
    assert not await at.stale()


async def test_a_gap_is_not_stepped_over() -> None:
    at = At()
    at.feed.down = True
    await at.changed(1, ONE)
    await at.changed(3, THREE)
    policy = await at.projection.policy(T)
    assert policy.watermark == 1 and policy.client(CLIENT).consents == ()
    await at.changed(2, TWO)
    assert policy.watermark == 3 and len(policy.client(CLIENT).consents) == 2


async def test_a_clock_that_runs_ahead_proves_no_future() -> None:
    at = At()
    at.feed.down = True
    await at.beat(0, late=-60)
    at.now.later(5.1)
    assert await at.stale()


async def test_a_late_heartbeat_is_as_old_as_it_says() -> None:
    at = At()
    at.feed.down = True
    await at.beat(0, late=5.1)
    assert await at.stale()


async def test_a_heartbeat_of_another_tenant_is_poison() -> None:
    with pytest.raises(ValueError, match="another tenant"):
        await At().beat(0, tenant="elsewhere")


async def test_a_restart_knows_what_was_kept() -> None:
    at = At(ONE, TWO)
    await at.projection.prove(T)
    again = PolicyProjection(at.log, Feed(), now=at.now)
    assert (await again.policy(T)).watermark == 2


async def test_a_feed_of_another_tenant_or_with_a_hole_proves_nothing() -> None:
    class Wrong(Feed):
        async def read(self, tenant: str, after: int) -> PolicyFeedPage:
            return PolicyFeedPage(tenant="elsewhere", items=(), head=0)

    class Hole(Feed):
        async def read(self, tenant: str, after: int) -> PolicyFeedPage:
            return PolicyFeedPage(tenant=tenant, items=(), head=7)

    for feed in (Wrong(), Hole()):
        with pytest.raises(Refused):
            await PolicyProjection(Log(), feed, now=Now()).prove(T)


async def test_a_confirmation_waits_for_the_fast_path_and_then_pulls() -> None:
    at = At(ONE)
    assert (await at.projection.confirm(T, 1)).applied == 1
    assert at.feed.reads == 1

    fast = At()
    waiting = asyncio.create_task(fast.projection.confirm(T, 1))
    await asyncio.sleep(0.01)
    await fast.changed(1, ONE)
    assert (await waiting).applied == 1
    assert fast.feed.reads == 0


async def test_a_confirmation_that_cannot_be_had_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.audit_log.decision.application.policy_projection.CONFIRM_SECONDS", 0.2)
    with pytest.raises(GateUnavailable):
        await At().projection.confirm(T, 1)


async def test_stop_ends_a_pull_under_way() -> None:
    class Slow(Feed):
        async def read(self, tenant: str, after: int) -> PolicyFeedPage:
            await asyncio.sleep(60)
            raise AssertionError

    projection = PolicyProjection(Log(), Slow(), now=Now())
    asking: asyncio.Task[Any] = asyncio.create_task(projection.prove(T))
    await asyncio.sleep(0.01)
    await projection.stop()
    with pytest.raises(asyncio.CancelledError):
        await asking
