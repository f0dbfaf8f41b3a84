"""Commands and queries on a client's capacity to consent. What follows from a finding is written in the same transaction."""

from datetime import datetime
from uuid import UUID

from services.consent.application.consequences import Consequences
from services.consent.application.people_views import capacity_view
from services.consent.application.policy_stream import PolicyStream
from services.consent.application.ports import RecordIndex
from services.consent.application.reading import Shown
from services.consent.application.streams import capacity_stream, decided_anew, load_capacity
from services.consent.application.views import erased_view
from services.consent.domain import capacity
from services.consent.domain.capacity import Determine
from shared.contracts.consent_policy import POLICY_STREAM
from shared.contracts.disclosure import Action, RecordRef
from shared.contracts.records import RecordType
from shared.contracts.topics import CONSENT
from shared.eventstore.model import Publication, StreamAppend
from shared.eventstore.store import EventStore
from shared.gate.ask import open_many, open_one
from shared.gate.port import Gate
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import conflict
from shared.service.parts import Parts
from shared.service.record import client_key, record_event, write_meta


class Capacities:
    def __init__(
        self,
        parts: Parts,
        store: EventStore,
        gate: Gate,
        *,
        index: RecordIndex,
        policy: PolicyStream,
        consequences: Consequences,
    ) -> None:
        self._parts, self._store, self._gate = parts, store, gate
        self._index, self._policy, self._consequences = index, policy, consequences

    async def determine(
        self, call: Call, client_id: UUID, has_capacity: bool, since: datetime, basis: str, repeat: Repeat
    ) -> Answer:
        """201 once the gate decides by what follows from it."""
        known = await load_capacity(self._store, call.tenant, client_id)
        capacity_id = known.found[-1].capacity_id if known else self._parts.new_id()
        author = None if known else call.principal.sub
        ref = RecordRef(record_id=str(capacity_id), client_id=str(client_id), record_type=RecordType.CAPACITY, author=author)
        opened = await open_one(self._gate, call, Action.UPDATE if known else Action.CREATE, ref)
        if opened.erased(capacity_id):
            raise conflict("What was found before was erased with the client's evidence: nothing can be added to it.")
        meta, by = write_meta(call, opened), call.principal

        async def attempt() -> tuple[Answer, int | None]:
            now = self._parts.now()
            state = await load_capacity(self._store, call.tenant, client_id)
            finding = Determine(capacity_id, client_id, has_capacity, since, basis, by.sub, by.role, now, self._parts.place)
            events = capacity.decide(state, finding)
            after = state
            for event in events:
                after = capacity.evolve(after, event)
            assert after is not None
            effects = await self._consequences.of_capacity(call.tenant, client_id, has_capacity, call.request_id)
            written = self._policy.write(effects.changes[0], meta, *effects.changes[1:]) if effects.changes else None
            answer = Answer(201, capacity_view(after, None))
            publish = (Publication(CONSENT, client_key(call.tenant, client_id)),)
            key = opened.key(capacity_id)
            new = [record_event(e, parts=self._parts, call_meta=meta, key=key, publish=publish) for e in events]
            versions = await self._store.append(
                call.tenant,
                [
                    StreamAppend(capacity_stream(client_id), state.version if state else 0, new),
                    *effects.appends,
                    *([written.append] if written else []),
                ],
                statements=(
                    *effects.statements,
                    *(row for event in events for row in self._index.rows_of(call.tenant, event)),
                    *((written.statement,) if written else ()),
                    *repeat.statements(answer, client_id),
                ),
            )
            return answer, versions[POLICY_STREAM] if written else None

        answer, sequence = await decided_anew(attempt)
        if sequence is not None:
            await self._policy.confirm(call.tenant, sequence)
        return answer

    async def repeated(self, call: Call, answer: Answer) -> Answer:
        await self._policy.confirm(call.tenant)
        return answer

    async def show(self, call: Call, client_id: UUID) -> Shown:
        """The findings of a client, none before the first."""
        state = await load_capacity(self._store, call.tenant, client_id)
        if state is None:
            opened = await open_many(self._gate, call, (), client_id=str(client_id))
            return Shown({"client_id": str(client_id), "has_capacity": True, "since": None, "found": []}, opened.headers)
        capacity_id = state.found[-1].capacity_id
        ref = RecordRef(record_id=str(capacity_id), client_id=str(client_id), record_type=RecordType.CAPACITY)
        opened = await open_one(self._gate, call, Action.READ, ref)
        view = capacity_view(state, opened.keys.get(str(capacity_id)))
        return Shown(erased_view(view) | {"found": []} if opened.erased(capacity_id) else view, opened.headers)
