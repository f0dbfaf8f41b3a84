"""Commands on consents: the gate first, then the decider, then one transaction, then the gate's confirmation where it counts."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from services.consent.application.consent_answers import AnswerOf, answered, revoked, summary
from services.consent.application.consent_steps import Changed, Step, Then, after_events, decided
from services.consent.application.policy_stream import PolicyStream, PolicyWrite
from services.consent.application.ports import Answers, Deadlines, RecordIndex
from services.consent.application.standings import Standings
from services.consent.application.streams import consent_stream, decided_anew, load_consent
from services.consent.application.views import warnings
from services.consent.domain import policy_change
from services.consent.domain.consent import Amend, Consent, Form, Phase, Propose, Revoke, Sign, check_form
from services.consent.domain.errors import FormFault, InvalidForm
from services.consent.domain.events import Attestation
from services.consent.domain.fhir.events import FhirSourceRecorded
from services.consent.domain.life import CallForTalk, Command, Expire, Explain, Refuse, RevokeRecipient, Supersede, decide
from services.consent.domain.life_events import Because, Talk
from services.consent.domain.standing import Signer
from shared.contracts.consent_policy import POLICY_STREAM
from shared.contracts.disclosure import Action, RecordKey, RecordRef
from shared.contracts.records import RecordType
from shared.contracts.topics import CONSENT
from shared.eventstore.model import NewEvent, Publication, Statement, StreamAppend
from shared.eventstore.store import EventStore
from shared.gate.ask import Opened, ask, missed, open_one, opened
from shared.gate.port import Gate
from shared.http.call import Call
from shared.http.conditional import Expected
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import forbidden, not_found
from shared.sealing.event import Event
from shared.service.parts import Parts
from shared.service.record import client_key, record_event, write_meta

Also = Callable[[UUID, datetime], Sequence[Event]]
"""(consent, now) → events that go with those of a command"""


def nothing(_: UUID, __: datetime) -> Sequence[Event]:
    return ()


class Consents:
    def __init__(
        self,
        parts: Parts,
        store: EventStore,
        gate: Gate,
        *,
        index: RecordIndex,
        policy: PolicyStream,
        answers: Answers,
        deadlines: Deadlines,
    ) -> None:
        self._parts, self._store, self._gate = parts, store, gate
        self._index, self._policy, self._answers, self._deadlines = index, policy, answers, deadlines
        self._standings = Standings(store, index)

    async def propose(
        self,
        call: Call,
        form: Form,
        repeat: Repeat,
        *,
        also: Also = nothing,
        then: Then | None = None,
        statements: Sequence[Statement] = (),
    ) -> Answer:
        """201. A proposed consent changes no decision, so the gate is told nothing. `also` and what `then` makes of the proposal
        go into the same transaction: where one of the two is refused, nothing is written."""
        now, consent_id = self._parts.now(), self._parts.new_id()
        events = [*decide(None, Propose(consent_id, form, call.principal.sub, now, self._parts.place)), *also(consent_id, now)]
        proposed = after_events(None, events)
        later = decide(proposed, then.command_at(now)) if then is not None else []
        await self._may_supersede(call, form)
        ref = RecordRef(
            record_id=str(consent_id),
            client_id=str(form.client_id),
            record_type=RecordType.CONSENT,
            author=call.principal.sub,
        )
        opened = await open_one(self._gate, call, Action.CREATE, ref)
        made = self._sealed(call, opened, events, opened.key(consent_id))
        meta = write_meta(call, opened)
        if then is not None:
            opened = await open_one(self._gate, call, then.action, ref)
            made += self._sealed(call, opened, later, opened.keys.get(str(consent_id)))
            meta = write_meta(call, opened)
        state = after_events(proposed, later)
        change = policy_change.of_consent(proposed, state, now)
        written = self._policy.write(change, meta) if change is not None else None
        answer = Answer(201, {**summary(state, now), "warnings": warnings(state.form)})
        versions = await self._store.append(
            call.tenant,
            [StreamAppend(consent_stream(consent_id), 0, made), *([written.append] if written else [])],
            statements=(
                *(row for event in events for row in self._index.rows_of(call.tenant, event)),
                *_statements(written, repeat, answer, form.client_id),
                *(self._times(call.tenant, state, form.client_id) if later else ()),
                *statements,
            ),
        )
        if written is not None:
            await self._policy.confirm(call.tenant, versions[POLICY_STREAM])
        return answer

    async def write(
        self, call: Call, consent_id: UUID, client_id: UUID, steps: Sequence[Step], expected: Expected, *, also: Also = nothing
    ) -> Answer:
        """200: all the steps in one transaction, or none. 412 where the newest version is none that is expected."""
        changed = await self._change(call, consent_id, client_id, steps, answered(200), expected=expected, also=also)
        if changed.sequence is not None:
            await self._policy.confirm(call.tenant, changed.sequence)
        return changed.answer

    async def opened_for(self, call: Call, consent_id: UUID, then: Then) -> Step:
        """The step of a further command, once the gate permits it. 403, 404."""
        _, opened = await self._open(call, consent_id, then.action)
        return Step(opened, then.command_at)

    async def signing(self, call: Call, client_id: UUID, attestation: Attestation, signer: Signer) -> Then:
        by, standing = call.principal, await self._standings.of(call, client_id, self._parts.now())
        return Then(Action.SIGN, lambda at: Sign(by.sub, by.role, at, attestation, signer, standing))

    async def ending(self, call: Call, client_id: UUID) -> Then:
        by, standing = call.principal, await self._standings.of(call, client_id, self._parts.now())
        return Then(Action.REVOKE, lambda at: Revoke(by.sub, by.role, at, None, standing))

    async def amend(self, call: Call, consent_id: UUID, form: Form, expected: Expected) -> Answer:
        """200. 412 where `expected` is not the newest version, 409 once it is no proposal any more."""
        now = self._parts.now()
        check_form(form, now, self._parts.place)
        await self._may_supersede(call, form)
        client_id, opened = await self._open(call, consent_id, Action.UPDATE)
        changed = await self._change(
            call,
            consent_id,
            client_id,
            [Step(opened, lambda at: Amend(form, call.principal.sub, at, self._parts.place))],
            lambda state, at, _: Answer(200, {**summary(state, at), "warnings": warnings(state.form)}),
            expected=expected,
        )
        return changed.answer

    async def sign(
        self,
        call: Call,
        consent_id: UUID,
        attestation: Attestation | None,
        repeat: Repeat,
        expected: Expected | None,
        signer: Signer | None = None,
    ) -> Answer:
        """201; where it became active, after the gate confirmed it. One that it supersedes ends in the same moment."""
        replaced = await self._superseded_by(call, consent_id)
        client_id, opened = await self._open(call, consent_id, Action.SIGN, *([replaced] if replaced else []))
        by = call.principal
        standing = await self._standings.of(call, client_id, self._parts.now())
        changed = await self._change(
            call,
            consent_id,
            client_id,
            [Step(opened, lambda at: Sign(by.sub, by.role, at, attestation, signer, standing))],
            answered(201),
            repeat=repeat,
            expected=expected,
            replaced=replaced,
        )
        if changed.sequence is not None:
            await self._policy.confirm(call.tenant, changed.sequence)
        return changed.answer

    async def refuse(self, call: Call, consent_id: UUID, reason: str | None, repeat: Repeat) -> Answer:
        """201. A proposal opened nothing, so nothing has to be enforced."""
        client_id, opened = await self._open(call, consent_id, Action.SIGN)
        by, standing = call.principal, await self._standings.of(call, client_id, self._parts.now())
        changed = await self._change(
            call,
            consent_id,
            client_id,
            [Step(opened, lambda at: Refuse(by.sub, by.role, at, reason, standing))],
            answered(201),
            repeat=repeat,
        )
        return changed.answer

    async def explain(self, call: Call, consent_id: UUID, on: str, understood: bool, talk: Talk, repeat: Repeat) -> Answer:
        """201: the talk, who held it, when, and whether it was understood."""
        by = call.principal
        return await self._noted(
            call, consent_id, lambda at: Explain(by.sub, by.role, on, understood, talk, at, self._parts.place), 201, repeat
        )

    async def call_for_talk(self, call: Call, consent_id: UUID, because: Because, repeat: Repeat) -> Answer:
        """201: the talk is due again; the consent holds meanwhile."""
        by = call.principal
        return await self._noted(call, consent_id, lambda at: CallForTalk(because, by.sub, by.role, at), 201, repeat)

    async def expire(self, call: Call, consent_id: UUID, occurred_on: str, repeat: Repeat) -> Answer:
        """200 once the gate decides without it: what the consent was to end with has happened."""
        by = call.principal
        return await self._noted(
            call, consent_id, lambda at: Expire(by.sub, by.role, at, occurred_on, self._parts.place), 200, repeat
        )

    async def _noted(
        self, call: Call, consent_id: UUID, command_at: Callable[[datetime], Command], status: int, repeat: Repeat
    ) -> Answer:
        client_id, opened = await self._open(call, consent_id, Action.UPDATE)
        steps = [Step(opened, command_at)]
        changed = await self._change(call, consent_id, client_id, steps, answered(status), repeat=repeat)
        if changed.sequence is not None:
            await self._policy.confirm(call.tenant, changed.sequence)
        return changed.answer

    async def revoke(
        self, call: Call, consent_id: UUID, reason: str | None, repeat: Repeat, recipient: str | None = None
    ) -> Answer:
        """200 once the gate confirmed it: `enforced_after_ms` counts from the commit to that confirmation.

        With a recipient it is withdrawn from them alone, and holds for everybody else.
        """
        client_id, opened = await self._open(call, consent_id, Action.REVOKE)
        by, standing = call.principal, await self._standings.of(call, client_id, self._parts.now())

        def command(at: datetime) -> Command:
            if recipient is not None:
                return RevokeRecipient(recipient, by.sub, by.role, at, reason, standing)
            return Revoke(by.sub, by.role, at, reason, standing)

        changed = await self._change(
            call,
            consent_id,
            client_id,
            [Step(opened, command)],
            revoked,
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

    async def repeated(self, call: Call, answer: Answer) -> Answer:
        """The answer of any other change that is repeated: confirmed again."""
        await self._policy.confirm(call.tenant)
        return answer

    async def _enforced(self, call: Call, answer: Answer, since: datetime) -> Answer:
        waited = max(0, round((self._parts.now() - since).total_seconds() * 1000))
        settled = Answer(answer.status, {**answer.body, "enforced": True, "enforced_after_ms": waited})
        if call.idempotency_key is not None:
            await self._store.append(call.tenant, (), statements=(self._answers.settled(call, settled),))
        return settled

    async def _open(self, call: Call, consent_id: UUID, action: Action, *others: UUID) -> tuple[UUID, Opened]:
        """`others` of the same client are opened with it, under the same entry; every one has to be permitted."""
        client_id = await self._index.client_of(call.tenant, RecordType.CONSENT, consent_id)
        if client_id is None:
            raise await missed(self._gate, call, action)
        refs = [
            RecordRef(record_id=str(each), client_id=str(client_id), record_type=RecordType.CONSENT)
            for each in (consent_id, *others)
        ]
        if not others:
            return client_id, await open_one(self._gate, call, action, refs[0])
        found = opened(await ask(self._gate, call, action, refs))
        if not all(found.permitted(ref.record_id) for ref in refs):
            known = any(outcome.may_know for outcome in found.outcomes.values())
            problem = forbidden() if known else not_found()
            problem.headers.update(found.headers)
            raise problem
        return client_id, found

    async def _may_supersede(self, call: Call, form: Form) -> None:
        """InvalidForm where the form names a consent that is not the same client's and of the same kind."""
        if form.supersedes is None:
            return
        client_id = await self._index.client_of(call.tenant, RecordType.CONSENT, form.supersedes)
        old = await load_consent(self._store, call.tenant, form.supersedes) if client_id == form.client_id else None
        if old is None or old.form.kind is not form.kind:
            raise InvalidForm([FormFault("/supersedes", "a consent of the same client and kind")])

    async def _superseded_by(self, call: Call, consent_id: UUID) -> UUID | None:
        """The consent whose place this one takes, while it still holds."""
        if await self._index.client_of(call.tenant, RecordType.CONSENT, consent_id) is None:
            raise not_found()
        form = (await load_consent(self._store, call.tenant, consent_id)).form
        if form.supersedes is None:
            return None
        old = await load_consent(self._store, call.tenant, form.supersedes)
        return form.supersedes if old.phase is Phase.ACTIVE else None

    async def _change(
        self,
        call: Call,
        consent_id: UUID,
        client_id: UUID,
        steps: Sequence[Step],
        answer_of: AnswerOf,
        *,
        repeat: Repeat | None = None,
        expected: Expected | None = None,
        replaced: UUID | None = None,
        also: Also = nothing,
    ) -> Changed:
        async def attempt() -> Changed:
            now = self._parts.now()
            state = await load_consent(self._store, call.tenant, consent_id)
            done = decided(state, steps, now, lambda: also(consent_id, now), expected)
            after, opened, command = done.after, steps[-1].opened, done.command
            changes = [c for c in (policy_change.of_consent(state, after, now),) if c is not None]
            appends: list[tuple[UUID, int, list[Event]]] = []
            made = [
                new
                for step, events in zip(steps, done.events, strict=True)
                for new in self._sealed(call, step.opened, events, step.opened.keys.get(str(consent_id)))
            ]
            activates = after.phase is Phase.ACTIVE and state.phase is not Phase.ACTIVE
            if replaced is not None and isinstance(command, Sign) and activates:
                old = await load_consent(self._store, call.tenant, replaced)
                ending = decide(old, Supersede(after, command))
                if ending:
                    over = after_events(old, ending)
                    appends.append((replaced, old.version, ending))
                    changes += [c for c in (policy_change.of_consent(old, over, now),) if c is not None]
            written = self._policy.write(changes[0], write_meta(call, opened), *changes[1:]) if changes else None
            answer = answer_of(after, now, bool(changes))
            versions = await self._store.append(
                call.tenant,
                [
                    *([StreamAppend(consent_stream(consent_id), state.version, made)] if made else []),
                    *(
                        StreamAppend(consent_stream(each), version, self._sealed(call, opened, new, opened.keys.get(str(each))))
                        for each, version, new in appends
                    ),
                    *([written.append] if written else []),
                ],
                statements=(
                    *_statements(written, repeat, answer, client_id),
                    *self._times(call.tenant, after, client_id),
                    *(self._deadlines.set(call.tenant, RecordType.CONSENT, replaced, client_id, None) if replaced else ()),
                ),
            )
            return Changed(answer, versions[POLICY_STREAM] if written else None, self._parts.now())

        return await decided_anew(attempt)

    def _times(self, tenant: str, state: Consent, client_id: UUID) -> tuple[Statement, ...]:
        return self._deadlines.set(tenant, RecordType.CONSENT, state.consent_id, client_id, state.next_time())

    def _sealed(self, call: Call, opened: Opened, events: list[Event], key: RecordKey | None) -> list[NewEvent]:
        meta = write_meta(call, opened)
        return [
            record_event(
                event,
                parts=self._parts,
                call_meta=meta,
                key=key,
                # a resource as it was sent is for this service alone, and larger than a topic takes
                publish=()
                if isinstance(event, FhirSourceRecorded)
                else (Publication(CONSENT, client_key(call.tenant, event.client_id)),),
            )
            for event in events
        ]


def _statements(written: PolicyWrite | None, repeat: Repeat | None, answer: Answer, client_id: UUID) -> tuple[Statement, ...]:
    return (
        *((written.statement,) if written else ()),
        *(repeat.statements(answer, client_id) if repeat else ()),
    )
