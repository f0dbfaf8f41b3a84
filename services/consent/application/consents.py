"""Commands on consents: the gate first, then the decider, then one transaction, then the gate's confirmation where it counts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.consent.application.policy_stream import PolicyStream, PolicyWrite
from services.consent.application.ports import Answers, RecordIndex
from services.consent.application.streams import consent_stream, decided_anew, load_consent
from services.consent.domain import policy_change
from services.consent.domain.consent import Amend, Command, Consent, Form, Phase, Propose, Revoke, Sign, check_form, decide, fold
from services.consent.domain.events import Attestation, RevocationReasonGiven
from shared.contracts.consent_policy import POLICY_STREAM
from shared.contracts.disclosure import Action, RecordKey, RecordRef
from shared.contracts.records import RecordType
from shared.contracts.topics import CONSENT
from shared.eventstore.model import NewEvent, Publication, Statement, StreamAppend
from shared.eventstore.store import EventStore
from shared.gate.ask import Opened, open_one
from shared.gate.port import Gate
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import conflict, not_found, stale_version
from shared.sealing.event import Event
from shared.service.parts import Parts
from shared.service.record import client_key, record_event, write_meta

AnswerOf = Callable[[Consent, datetime, bool], Answer]
"""(state after, now, whether a decision can come out differently) → what is answered and kept"""


@dataclass(frozen=True, slots=True)
class Changed:
    """What one command did."""

    answer: Answer
    sequence: int | None
    """policy sequence of the change; None where no decision can come out differently"""
    committed_at: datetime


class Consents:
    def __init__(
        self, parts: Parts, store: EventStore, gate: Gate, *, index: RecordIndex, policy: PolicyStream, answers: Answers
    ) -> None:
        self._parts, self._store, self._gate = parts, store, gate
        self._index, self._policy, self._answers = index, policy, answers

    async def propose(self, call: Call, form: Form, repeat: Repeat) -> Answer:
        """201. A proposed consent changes no decision, so the gate is told nothing."""
        now, consent_id = self._parts.now(), self._parts.new_id()
        events = decide(None, Propose(consent_id, form, call.principal.sub, now))
        ref = RecordRef(
            record_id=str(consent_id),
            client_id=str(form.client_id),
            record_type=RecordType.CONSENT,
            author=call.principal.sub,
        )
        opened = await open_one(self._gate, call, Action.CREATE, ref)
        state = _after(None, events)
        answer = Answer(201, summary(state, now))
        await self._store.append(
            call.tenant,
            [StreamAppend(consent_stream(consent_id), 0, self._sealed(call, opened, events, opened.key(consent_id)))],
            statements=(
                *(row for event in events for row in self._index.rows_of(call.tenant, event)),
                *repeat.statements(answer, form.client_id),
            ),
        )
        return answer

    async def amend(self, call: Call, consent_id: UUID, form: Form, expected: int) -> Answer:
        """200. 412 where `expected` is not the newest version, 409 once it is no proposal any more."""
        now = self._parts.now()
        check_form(form, now)
        client_id, opened = await self._open(call, consent_id, Action.UPDATE)
        changed = await self._change(
            call, consent_id, client_id, opened, lambda at: Amend(form, call.principal.sub, at), _answered(200), expected=expected
        )
        return changed.answer

    async def sign(
        self, call: Call, consent_id: UUID, attestation: Attestation | None, repeat: Repeat, expected: int | None
    ) -> Answer:
        """201; where it became active, after the gate confirmed it."""
        client_id, opened = await self._open(call, consent_id, Action.SIGN)
        by = call.principal
        changed = await self._change(
            call,
            consent_id,
            client_id,
            opened,
            lambda at: Sign(by.sub, by.role, at, attestation),
            _answered(201),
            repeat=repeat,
            expected=expected,
        )
        if changed.sequence is not None:
            await self._policy.confirm(call.tenant, changed.sequence)
        return changed.answer

    async def revoke(self, call: Call, consent_id: UUID, reason: str | None, repeat: Repeat) -> Answer:
        """200 once the gate confirmed it: `enforced_after_ms` counts from the commit to that confirmation."""
        client_id, opened = await self._open(call, consent_id, Action.REVOKE)
        by = call.principal
        changed = await self._change(
            call,
            consent_id,
            client_id,
            opened,
            lambda at: Revoke(by.sub, by.role, at, reason),
            _revoked,
            repeat=repeat,
        )
        if changed.sequence is None:
            return changed.answer
        await self._policy.confirm(call.tenant, changed.sequence)
        return await self._enforced(call, changed.answer, changed.committed_at)

    async def signed_before(self, call: Call, answer: Answer) -> Answer:
        """The answer of a signature that is repeated: confirmed again where it made the consent active."""
        if answer.body["status"] != Phase.PROPOSED:
            await self._policy.confirm(call.tenant)
        return answer

    async def revoked_before(self, call: Call, consent_id: UUID, answer: Answer) -> Answer:
        """The answer of a revocation that is repeated; confirmed now where the first time could not be."""
        if answer.body["enforced"]:
            return answer
        await self._policy.confirm(call.tenant)
        state = await load_consent(self._store, call.tenant, consent_id)
        return await self._enforced(call, answer, state.revoked_at or self._parts.now())

    async def _enforced(self, call: Call, answer: Answer, since: datetime) -> Answer:
        waited = max(0, round((self._parts.now() - since).total_seconds() * 1000))
        settled = Answer(answer.status, {**answer.body, "enforced": True, "enforced_after_ms": waited})
        if call.idempotency_key is not None:
            await self._store.append(call.tenant, (), statements=(self._answers.settled(call, settled),))
        return settled

    async def _open(self, call: Call, consent_id: UUID, action: Action) -> tuple[UUID, Opened]:
        client_id = await self._index.client_of(call.tenant, RecordType.CONSENT, consent_id)
        if client_id is None:
            raise not_found()
        ref = RecordRef(record_id=str(consent_id), client_id=str(client_id), record_type=RecordType.CONSENT)
        return client_id, await open_one(self._gate, call, action, ref)

    async def _change(
        self,
        call: Call,
        consent_id: UUID,
        client_id: UUID,
        opened: Opened,
        command_at: Callable[[datetime], Command],
        answer_of: AnswerOf,
        *,
        repeat: Repeat | None = None,
        expected: int | None = None,
    ) -> Changed:
        async def attempt() -> Changed:
            now = self._parts.now()
            state = await load_consent(self._store, call.tenant, consent_id)
            command = command_at(now)
            events = decide(state, command)
            if expected not in (None, state.version):
                raise stale_version()
            if opened.erased(consent_id):
                events = _without_words(command, events)
            after = _after(state, events)
            change = policy_change.of_consent(state, after, now)
            written = self._policy.write(change, write_meta(call, opened)) if change else None
            answer = answer_of(after, now, change is not None)
            sealed = self._sealed(call, opened, events, opened.keys.get(str(consent_id)))
            versions = await self._store.append(
                call.tenant,
                [StreamAppend(consent_stream(consent_id), state.version, sealed), *([written.append] if written else [])],
                statements=_statements(written, repeat, answer, client_id),
            )
            return Changed(answer, versions[POLICY_STREAM] if written else None, self._parts.now())

        return await decided_anew(attempt)

    def _sealed(self, call: Call, opened: Opened, events: list[Event], key: RecordKey | None) -> list[NewEvent]:
        meta = write_meta(call, opened)
        return [
            record_event(
                event,
                parts=self._parts,
                call_meta=meta,
                key=key,
                publish=(Publication(CONSENT, client_key(call.tenant, event.client_id)),),
            )
            for event in events
        ]


def summary(state: Consent, now: datetime) -> dict[str, object]:
    """What a write answers: ids and state, no word of the form."""
    return {
        "id": str(state.consent_id),
        "status": str(state.status(now)),
        "version": state.version,
        "missing": list(state.missing),
    }


def _answered(status: int) -> AnswerOf:
    return lambda state, now, _: Answer(status, summary(state, now))


def _revoked(state: Consent, now: datetime, counts: bool) -> Answer:
    """What is kept with the revocation. One that was only proposed opened nothing, so it is enforced at once."""
    body = summary(state, now)
    del body["missing"]
    return Answer(200, {**body, "enforced": not counts, "enforced_after_ms": None if counts else 0})


def _after(state: Consent | None, events: list[Event]) -> Consent:
    after = fold(state, events)
    assert after is not None
    return after


def _without_words(command: Command, events: list[Event]) -> list[Event]:
    """What can still be done once the words of a consent were erased: it can be revoked, and no new words are kept."""
    if not isinstance(command, Revoke):
        raise conflict("The words of this consent were erased: it can still be revoked, and nothing else.")
    return [e for e in events if not isinstance(e, RevocationReasonGiven)]


def _statements(written: PolicyWrite | None, repeat: Repeat | None, answer: Answer, client_id: UUID) -> tuple[Statement, ...]:
    return (
        *((written.statement,) if written else ()),
        *(repeat.statements(answer, client_id) if repeat else ()),
    )
