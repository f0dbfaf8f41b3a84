"""What the gate knows of consents, and how it knows that nothing newer exists.

Kafka is the fast path: changes and heartbeats. Where no proof is younger than two seconds the consent service's feed is
pulled; where that fails too, the last proof counts until it is five seconds old, and then the gate denies as stale. A proof is
a head of the tenant's sequence that the gate has reached, with the moment at which that head was known to be the newest.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from pydantic import TypeAdapter

from services.audit_log.decision.application.refused import Refused
from services.audit_log.decision.domain.policy import TenantPolicy
from shared.contracts.consent_policy import (
    POLICY_CHANGED,
    POLICY_HEARTBEAT,
    PolicyChange,
    PolicyFeedItem,
    PolicyFeedPage,
    PolicyHeartbeat,
)
from shared.contracts.disclosure import PolicyConfirmation, Refusal
from shared.gate.port import GateUnavailable
from shared.messaging.port import Effect, Handler, Message

FRESH_SECONDS: Final = 2.0
STALE_SECONDS: Final = 5.0
PULL_TIMEOUT_SECONDS: Final = 2.0
PULL_PAUSE_SECONDS: Final = 0.25
"""after a failed pull nobody tries again for that long"""
CONFIRM_SECONDS: Final = 5.0
CONFIRM_PATIENCE_SECONDS: Final = 0.05
"""how long a confirmation waits for the fast path before it pulls the feed"""

_log = logging.getLogger("gate")
_CHANGE: Final[TypeAdapter[PolicyChange]] = TypeAdapter(PolicyChange)


class PolicyFeed(Protocol):
    async def read(self, tenant: str, after: int) -> PolicyFeedPage:
        """Changes after that sequence. Raises whatever the way there raises."""


class PolicyLog(Protocol):
    """Keeps policy changes durably, so that a decision can be replayed and a restart need not pull everything."""

    async def load(self, tenant: str) -> list[PolicyFeedItem]: ...

    async def keep(self, tenant: str, items: Sequence[PolicyFeedItem]) -> None:
        """Those that are known already are left as they are."""


@dataclass(slots=True)
class _Tenant:
    policy: TenantPolicy = field(default_factory=TenantPolicy)
    proven_at: float = float("-inf")
    ahead: list[tuple[int, float]] = field(default_factory=list)
    """proofs of a head that is not reached yet"""
    pull: asyncio.Task[bool] | None = None
    failed_at: float = float("-inf")
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def prove(self, head: int, at: float) -> None:
        if head <= self.policy.watermark:
            self.proven_at = max(self.proven_at, at)
        else:
            self.ahead = [*self.ahead[-15:], (head, at)]

    def add(self, items: Sequence[PolicyFeedItem]) -> None:
        # not any(): every one has to be taken
        if True in [self.policy.add(item.sequence, item.change) for item in items]:
            waiting, self.ahead = self.ahead, []
            for head, at in waiting:
                self.prove(head, at)
            moved, self.moved = self.moved, asyncio.Event()
            moved.set()


class PolicyProjection:
    """One in a process. `now()` is aware, UTC."""

    def __init__(
        self,
        log: PolicyLog,
        feed: PolicyFeed,
        *,
        now: Callable[[], datetime],
        on_change: Callable[[PolicyChange], None] = lambda change: None,
    ) -> None:
        """`on_change` is told of each change before decisions rest on it."""
        self._log, self._feed, self._now, self._on_change = log, feed, now, on_change
        self._tenants: dict[str, _Tenant] = {}
        self._loading: dict[str, asyncio.Lock] = {}

    async def policy(self, tenant: str) -> TenantPolicy:
        return (await self._tenant(tenant)).policy

    async def prove(self, tenant: str) -> int:
        """The gate's freshness step: the sequence to decide by. Refused (stale)."""
        known = await self._tenant(tenant)
        if self._age(known) > FRESH_SECONDS and not await self._pull(tenant, known) and self._age(known) > STALE_SECONDS:
            raise Refused(Refusal.STALE, "stale")
        return known.policy.watermark

    async def confirm(self, tenant: str, sequence: int) -> PolicyConfirmation:
        """Answers once decisions rest on that sequence or a later one. GateUnavailable after 5 s."""
        known = await self._tenant(tenant)
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                while known.policy.watermark < sequence:
                    moved = known.moved
                    try:
                        async with asyncio.timeout(CONFIRM_PATIENCE_SECONDS):
                            await moved.wait()
                    except TimeoutError:
                        await self._pull(tenant, known)
        except TimeoutError:
            raise GateUnavailable("the gate has not seen this policy change yet: ask again") from None
        return PolicyConfirmation(tenant=tenant, applied=known.policy.watermark)

    def handlers(self) -> dict[str, Handler]:
        """For the consumer of `consent-policy.v1`."""
        return {POLICY_CHANGED: self._changed, POLICY_HEARTBEAT: self._heartbeat}

    async def stop(self) -> None:
        """Ends pulls that are under way."""
        for known in self._tenants.values():
            if known.pull is not None:
                known.pull.cancel()
                with suppress(asyncio.CancelledError):
                    await known.pull

    async def _changed(self, message: Message) -> Effect | None:
        change = _CHANGE.validate_json(message.payload)
        item = PolicyFeedItem(sequence=message.sequence, event_id=message.message_id, change=change)
        known = await self._tenant(message.tenant)
        if item.sequence > known.policy.watermark:
            await self._log.keep(message.tenant, [item])
            self._on_change(change)
            known.add([item])
        return None

    async def _heartbeat(self, message: Message) -> Effect | None:
        beat = PolicyHeartbeat.model_validate_json(message.payload)
        if beat.tenant != message.tenant:
            raise ValueError("a heartbeat names another tenant than its message")
        known = await self._tenant(message.tenant)
        # a clock that runs ahead must not prove the future
        known.prove(beat.head, min(beat.at.timestamp(), self._now().timestamp()))
        return None

    async def _tenant(self, tenant: str) -> _Tenant:
        known = self._tenants.get(tenant)
        if known is None:
            async with self._loading.setdefault(tenant, asyncio.Lock()):
                known = self._tenants.get(tenant)
                if known is None:
                    known = _Tenant()
                    known.add(await self._log.load(tenant))
                    self._tenants[tenant] = known
            self._loading.pop(tenant, None)
        return known

    def _age(self, known: _Tenant) -> float:
        return self._now().timestamp() - known.proven_at

    async def _pull(self, tenant: str, known: _Tenant) -> bool:
        """Whether the feed proved freshness; concurrent callers share one pull."""
        if known.pull is None or known.pull.done():
            if self._now().timestamp() - known.failed_at < PULL_PAUSE_SECONDS:
                await asyncio.sleep(0.01)
                return False
            known.pull = asyncio.create_task(self._pull_all(tenant, known))
        return await asyncio.shield(known.pull)

    async def _pull_all(self, tenant: str, known: _Tenant) -> bool:
        try:
            async with asyncio.timeout(PULL_TIMEOUT_SECONDS):
                while True:
                    asked_at, after = self._now().timestamp(), known.policy.watermark
                    page = await self._feed.read(tenant, after)
                    if page.tenant != tenant:
                        raise ValueError("the feed answered for another tenant")
                    if page.items:
                        await self._log.keep(tenant, page.items)
                        for item in page.items:
                            self._on_change(item.change)
                        known.add(page.items)
                    if page.head <= known.policy.watermark:
                        known.prove(page.head, asked_at)
                        return True
                    if known.policy.watermark == after:
                        raise ValueError("the feed lacks the next change")
        except Exception as error:
            # whatever the reason, freshness is not proven: the caller denies, and says stale
            _log.warning("the policy feed proves nothing: %s", type(error).__name__)
            known.failed_at = self._now().timestamp()
            return False
