"""What follows by itself: authorities that begin to hold or rest with the client's capacity, talks that become due, periods that
are over. The service notes it, so no entry of the ledger covers it; whatever the gate decides by reaches it all the same.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from services.consent.application.policy_stream import PolicyStream
from services.consent.application.ports import Deadline, Deadlines, PolicyHeads, RecordIndex
from services.consent.application.standings import MOST, Standings
from services.consent.application.streams import (
    consent_stream,
    load_consent,
    load_representative,
    representative_stream,
)
from services.consent.domain import life, policy_change, representative
from services.consent.domain.consent import Consent, fold
from services.consent.domain.life_events import Because
from services.consent.domain.representative import Representative
from services.consent.domain.standing import Signer
from shared.contracts.consent_policy import PolicyChange
from shared.contracts.records import RecordType, ServiceName
from shared.contracts.topics import CONSENT
from shared.eventstore.model import Publication, Statement, StreamAppend, VersionConflict
from shared.eventstore.store import EventStore
from shared.sealing.event import Event
from shared.service.parts import Parts
from shared.service.record import WriteMeta, client_key, record_event

BY: Final = f"service:{ServiceName.CONSENT}"
BATCH: Final = 100
"""deadlines of a tenant in one round"""
TENANTS: Final = 10_000

_log = logging.getLogger("consent")


@dataclass(slots=True)
class Effects:
    """What goes into one transaction."""

    appends: list[StreamAppend] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    changes: list[PolicyChange] = field(default_factory=list)


class Consequences:
    def __init__(
        self,
        parts: Parts,
        store: EventStore,
        *,
        index: RecordIndex,
        policy: PolicyStream,
        heads: PolicyHeads,
        deadlines: Deadlines,
    ) -> None:
        self._parts, self._store, self._index = parts, store, index
        self._policy, self._heads, self._deadlines = policy, heads, deadlines
        self._standings = Standings(store, index)

    async def of_capacity(self, tenant: str, client_id: UUID, has_capacity: bool, request_id: str) -> Effects:
        """Proxies that waited take effect, or rest again; what others agreed to meanwhile is explained to the client anew."""
        now, effects = self._parts.now(), Effects()
        for person in await self._standings.representatives(tenant, client_id):
            events = representative.capacity_changed(person, has_capacity, BY, now)
            self._representative(tenant, person, events, effects, request_id)
        if has_capacity:
            await self._due_again(tenant, client_id, Because.CAPACITY, effects, request_id)
        return effects

    async def run(self, seconds: float) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.run_once()
            except Exception as error:  # the next round tries again; nothing is opened meanwhile that the gate would not open
                _log.warning("deadlines were not looked at: %s", type(error).__name__)
            await asyncio.sleep(seconds)

    async def run_once(self) -> int:
        """How many deadlines were dealt with."""
        done = 0
        for tenant, _ in await self._heads.newest(TENANTS):
            for deadline in await self._deadlines.due(tenant, self._parts.now(), BATCH):
                try:
                    await self._meet(tenant, deadline)
                    done += 1
                except VersionConflict:
                    continue  # somebody else just wrote to it: the next round sees what is left
                except Exception as error:  # one that cannot be met keeps nobody else's waiting
                    _log.warning("a deadline was not met: %s", type(error).__name__)
        return done

    async def _meet(self, tenant: str, deadline: Deadline) -> None:
        effects = Effects()
        if deadline.record_type is RecordType.CONSENT:
            await self._consent(tenant, deadline.record_id, effects)
        else:
            await self._time_is_up(tenant, deadline, effects)
        written = self._policy.write(effects.changes[0], _meta(tenant, ""), *effects.changes[1:]) if effects.changes else None
        await self._store.append(
            tenant,
            [*effects.appends, *([written.append] if written else [])],
            statements=(*effects.statements, *((written.statement,) if written else ())),
        )

    async def _consent(self, tenant: str, consent_id: UUID, effects: Effects) -> None:
        now, state = self._parts.now(), await load_consent(self._store, tenant, consent_id)
        end, next_time = state.form.period.instants().end, state.next_time()
        events: list[Event] = []
        if next_time is not None and next_time <= now:
            if end is not None and end <= now:
                events = life.decide(state, life.Expire(BY, None, now))
            else:
                events = life.call_for_talk(state, Because.DATE, BY, now)
        self._changed(tenant, state, events, effects, "")

    async def _time_is_up(self, tenant: str, deadline: Deadline, effects: Effects) -> None:
        now, state = self._parts.now(), await load_representative(self._store, tenant, deadline.record_id)
        time = state.next_time()
        if time is None or time > now:
            effects.statements += self._deadlines.set(
                tenant, RecordType.REPRESENTATIVE, deadline.record_id, deadline.client_id, time
            )
            return
        events = representative.end(state, BY, None, now)
        self._representative(tenant, state, events, effects, "")
        after = _after(state, events, representative.evolve)
        if after.ended == "majority":
            await self._due_again(tenant, deadline.client_id, Because.MAJORITY, effects, "")

    async def _due_again(self, tenant: str, client_id: UUID, because: Because, effects: Effects, request_id: str) -> None:
        now = self._parts.now()
        for place in await self._index.page(tenant, RecordType.CONSENT, client_id, before=None, limit=MOST):
            state = await load_consent(self._store, tenant, place.record_id)
            if state.given_by is Signer.REPRESENTATIVE:
                self._changed(tenant, state, life.call_for_talk(state, because, BY, now), effects, request_id)

    def _changed(self, tenant: str, state: Consent, events: list[Event], effects: Effects, request_id: str) -> None:
        after = fold(state, events)
        assert after is not None
        if events:
            effects.appends.append(self._append(tenant, consent_stream(state.consent_id), state.version, events, request_id))
        change = policy_change.of_consent(state, after, self._parts.now())
        effects.changes += [change] if change else []
        effects.statements += self._deadlines.set(
            tenant, RecordType.CONSENT, state.consent_id, state.client_id, after.next_time()
        )

    def _representative(self, tenant: str, state: Representative, events: list[Event], effects: Effects, request_id: str) -> None:
        if not events:
            return
        one, after = state.appointed, _after(state, events, representative.evolve)
        stream = representative_stream(one.representative_id)
        effects.appends.append(self._append(tenant, stream, state.version, events, request_id))
        change = representative.policy(state, after, self._parts.now())
        effects.changes += [change] if change else []
        effects.statements += self._deadlines.set(
            tenant, RecordType.REPRESENTATIVE, one.representative_id, one.client_id, after.next_time()
        )

    def _append(self, tenant: str, stream: str, version: int, events: list[Event], request_id: str) -> StreamAppend:
        return StreamAppend(
            stream,
            version,
            [
                record_event(
                    event,
                    parts=self._parts,
                    call_meta=_meta(tenant, request_id),
                    key=None,
                    publish=(Publication(CONSENT, client_key(tenant, event.client_id)),),
                )
                for event in events
            ],
        )


def _meta(tenant: str, request_id: str) -> WriteMeta:
    return WriteMeta(tenant, BY, "service", None, request_id)


def _after(
    state: Representative, events: list[Event], evolve: Callable[[Representative | None, Event], Representative | None]
) -> Representative:
    after: Representative | None = state
    for event in events:
        after = evolve(after, event)
    assert after is not None
    return after
