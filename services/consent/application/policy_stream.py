"""The tenant's policy stream: what the gate decides by, numbered without a gap, and confirmed before anybody is told."""

from dataclasses import dataclass
from typing import Final

from services.consent.application.ports import PolicyHeads
from shared.contracts.consent_policy import (
    POLICY_CHANGED,
    POLICY_HEARTBEAT,
    POLICY_STREAM,
    PolicyChange,
    PolicyHeartbeat,
)
from shared.contracts.topics import CONSENT_POLICY
from shared.eventstore.model import NewEvent, Publication, Statement, StreamAppend
from shared.eventstore.store import EventStore
from shared.gate.port import Gate, GateUnavailable
from shared.http.problems import unavailable
from shared.messaging.relay import Beat
from shared.service.parts import Parts
from shared.service.record import WriteMeta, client_key

MAX_BEATS: Final = 1_000
"""tenants in one heartbeat; for those beyond it the gate asks the policy feed"""


@dataclass(frozen=True, slots=True)
class PolicyWrite:
    """What goes into the transaction of the change that it speaks of."""

    append: StreamAppend
    statement: Statement


class PolicyStream:
    def __init__(self, parts: Parts, store: EventStore, gate: Gate, heads: PolicyHeads) -> None:
        self._parts, self._store, self._gate, self._heads = parts, store, gate, heads

    def write(self, change: PolicyChange, meta: WriteMeta, *more: PolicyChange) -> PolicyWrite:
        """Several changes of one command are numbered one after the other, and counted from the same moment."""
        events = [
            NewEvent(
                event_id=self._parts.new_id(),
                type=POLICY_CHANGED,
                schema_version=1,
                data=each.model_dump_json().encode(),
                meta=meta.as_json(),
                publish=(Publication(CONSENT_POLICY, client_key(meta.tenant, each.client_id)),),
            )
            for each in (change, *more)
        ]
        return PolicyWrite(StreamAppend(POLICY_STREAM, None, events), self._heads.moved(meta.tenant))

    async def head(self, tenant: str) -> int:
        return await self._store.version(tenant, POLICY_STREAM)

    async def confirm(self, tenant: str, sequence: int | None = None) -> None:
        """Returns once the gate decides by that sequence; by the newest there is where none is given. 503 otherwise."""
        try:
            await self._gate.confirm_policy(tenant, await self.head(tenant) if sequence is None else sequence)
        except GateUnavailable:
            raise unavailable(
                "It is written and takes effect as soon as the gate knows of it, which could not be confirmed just now. "
                "Repeat it with the same Idempotency-Key to have it confirmed."
            ) from None

    async def heartbeat(self) -> list[Beat]:
        """One a tenant; read before the outbox is drained, so that all it speaks of has left when it leaves."""
        now = self._parts.now()
        return [
            Beat(
                topic=CONSENT_POLICY,
                key=client_key(tenant, POLICY_STREAM),
                type=POLICY_HEARTBEAT,
                payload=PolicyHeartbeat(tenant=tenant, head=head, at=now).model_dump_json().encode(),
                stream=POLICY_STREAM,
                sequence=head,
            )
            for tenant, head in await self._heads.newest(MAX_BEATS)
        ]
