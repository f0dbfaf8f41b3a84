"""Commands on relationships. Each is confirmed by the gate before it is answered: the caller's next request sees it."""

from uuid import UUID

from services.consent.application.policy_stream import PolicyStream
from services.consent.application.ports import Place, RecordIndex
from services.consent.application.streams import decided_anew, load_relationship, relationship_stream
from services.consent.domain import policy_change
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.relationship import End, Relationship, Start, check, decide, evolve, refusal, says_already
from shared.contracts.consent_policy import POLICY_STREAM, RelationshipRole
from shared.contracts.disclosure import MAX_RECORDS, Action, RecordRef
from shared.contracts.records import RecordType
from shared.contracts.topics import CONSENT
from shared.eventstore.model import NewEvent, Publication, StreamAppend
from shared.eventstore.store import EventStore
from shared.gate.ask import ask, missed, open_one, opened
from shared.gate.port import Gate
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Problem
from shared.one_at_a_time import OneAtATime
from shared.sealing.event import Event
from shared.service.parts import Parts
from shared.service.record import WriteMeta, client_key, record_event, write_meta


class Relationships:
    def __init__(self, parts: Parts, store: EventStore, gate: Gate, *, index: RecordIndex, policy: PolicyStream) -> None:
        self._parts, self._store, self._gate, self._index, self._policy = parts, store, gate, index, policy
        self._turns = OneAtATime()

    async def start(
        self,
        call: Call,
        repeat: Repeat,
        *,
        client_id: UUID,
        practitioner_id: str,
        role: RelationshipRole,
        period: GivenPeriod,
    ) -> Answer:
        """201 once the gate knows it; 200 with the relationship that is there where one says the same already."""
        # one at a time, so that two requests that say the same make one
        async with self._turns.of((call.tenant, client_id, practitioner_id, role)):
            return await self._start(call, repeat, client_id, practitioner_id, role, period)

    async def _start(
        self, call: Call, repeat: Repeat, client_id: UUID, practitioner_id: str, role: RelationshipRole, period: GivenPeriod
    ) -> Answer:
        now, relationship_id = self._parts.now(), self._parts.new_id()
        by = call.principal
        command = Start(relationship_id, client_id, practitioner_id, role, period, by.sub, by.role, now, alone=len(by.roles) > 1)
        check(command)
        there = await self._there(call, command)
        if there is not None:
            answer = Answer(200, summary(there))
            if kept := repeat.statements(answer, client_id):
                await self._store.append(call.tenant, (), statements=kept)
            await self._policy.confirm(call.tenant)
            return answer
        ref = RecordRef(
            record_id=str(relationship_id),
            client_id=str(client_id),
            record_type=RecordType.RELATIONSHIP,
            author=practitioner_id,
        )
        try:
            released = await open_one(self._gate, call, Action.CREATE, ref)
        except Problem as problem:
            reason = refusal(command)
            if problem.status == 404 and reason is not None:  # they know their own role and sub: no need to hide them
                raise Problem(403, "forbidden", "Not allowed", reason, headers=problem.headers) from None
            raise
        events = decide(None, command)
        after = _after(None, events)
        meta = write_meta(call, released)
        change = policy_change.of_relationship(after, now)
        written = self._policy.write(change, meta)
        answer = Answer(201, summary(after))
        versions = await self._store.append(
            call.tenant,
            [StreamAppend(relationship_stream(relationship_id), 0, self._recorded(meta, events)), written.append],
            statements=(
                *(row for event in events for row in self._index.rows_of(call.tenant, event)),
                written.statement,
                *repeat.statements(answer, client_id),
            ),
        )
        await self._policy.confirm(call.tenant, versions[POLICY_STREAM])
        return answer

    async def _there(self, call: Call, command: Start) -> Relationship | None:
        """The relationship that says the same already, where the caller may start and read it."""
        if refusal(command) is not None:
            return None
        place: Place | None = None
        while page := await self._index.page(
            call.tenant, RecordType.RELATIONSHIP, command.client_id, before=place, limit=MAX_RECORDS
        ):
            place = page[-1]
            for found in page:
                state = await load_relationship(self._store, call.tenant, found.record_id)
                if says_already(state, command):
                    ref = RecordRef(
                        record_id=str(found.record_id), client_id=str(command.client_id), record_type=RecordType.RELATIONSHIP
                    )
                    known = opened(await ask(self._gate, call, Action.READ, [ref])).permitted(found.record_id)
                    return state if known else None
        return None

    async def end(self, call: Call, relationship_id: UUID, repeat: Repeat) -> Answer:
        """200 with the instant from which it does not hold any more, once the gate knows it."""
        client_id = await self._index.client_of(call.tenant, RecordType.RELATIONSHIP, relationship_id)
        if client_id is None:
            raise await missed(self._gate, call, Action.UPDATE)
        ref = RecordRef(record_id=str(relationship_id), client_id=str(client_id), record_type=RecordType.RELATIONSHIP)
        released = await open_one(self._gate, call, Action.UPDATE, ref)
        meta = write_meta(call, released)

        async def attempt() -> tuple[Answer, int]:
            now = self._parts.now()
            state = await load_relationship(self._store, call.tenant, relationship_id)
            events = decide(state, End(call.principal.sub, call.principal.role, now))
            after = _after(state, events)
            written = self._policy.write(policy_change.of_relationship(after, now), meta)
            answer = Answer(200, summary(after))
            versions = await self._store.append(
                call.tenant,
                [
                    StreamAppend(relationship_stream(relationship_id), state.version, self._recorded(meta, events)),
                    written.append,
                ],
                statements=(written.statement, *repeat.statements(answer, client_id)),
            )
            return answer, versions[POLICY_STREAM]

        answer, sequence = await decided_anew(attempt)
        await self._policy.confirm(call.tenant, sequence)
        return answer

    async def repeated(self, call: Call, answer: Answer) -> Answer:
        """The answer of a start or an end that is repeated: confirmed again."""
        await self._policy.confirm(call.tenant)
        return answer

    def _recorded(self, meta: WriteMeta, events: list[Event]) -> list[NewEvent]:
        return [
            record_event(
                event,
                parts=self._parts,
                call_meta=meta,
                key=None,
                publish=(Publication(CONSENT, client_key(meta.tenant, event.client_id)),),
            )
            for event in events
        ]


def summary(state: Relationship) -> dict[str, object]:
    """What a write answers; nothing of a relationship is sealed."""
    started, holds = state.started, state.holds
    return {
        "id": str(started.relationship_id),
        "client_id": str(started.client_id),
        "practitioner_id": started.practitioner_id,
        "role": str(started.role),
        "start": holds.start.isoformat(),
        "end": holds.end.isoformat() if holds.end else None,
        "version": state.version,
    }


def _after(state: Relationship | None, events: list[Event]) -> Relationship:
    for event in events:
        state = evolve(state, event)
    assert state is not None
    return state
