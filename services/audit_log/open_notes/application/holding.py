"""Holding a progress note back from its client, by exception and for a time: by who wrote it or treats the client."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from services.audit_log.decision.application.policy_projection import PolicyProjection
from services.audit_log.decision.domain.open_notes import LONGEST, HoldException, NoteHold
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.decision.domain.rules.pack import Fact
from services.audit_log.decision.domain.tenant_rules import TenantRules
from services.audit_log.ledger.application.ports import LedgerStep
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.contracts.records import RecordType, ServiceName
from shared.eventstore.model import Statement, UniqueViolation
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Fault, conflict, forbidden, invalid, not_found
from shared.identity.roles import PRACTITIONERS, Role

PLACE: Final = "hold-note"
END: Final = "end-note-hold"
_RULE: Final = "rule:law.171-hold"


class Holds(Protocol):
    async def holds(self, tenant: str, note_id: UUID) -> list[NoteHold]: ...

    def placed(self, tenant: str, hold: NoteHold) -> Statement: ...

    def ended(self, tenant: str, hold: NoteHold, by: str, at: datetime) -> Statement: ...


class Registry(Protocol):
    async def known(self, tenant: str, record_ids: Sequence[str]) -> dict[str, BoundRecord]: ...


class Rules(Protocol):
    async def in_force(self, tenant: str) -> TenantRules: ...


class Holding:
    def __init__(
        self,
        table: Holds,
        registry: Registry,
        policy: PolicyProjection,
        rules: Rules,
        ledger: LedgerStep,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._table, self._registry, self._policy, self._rules = table, registry, policy, rules
        self._ledger, self._now, self._new_id = ledger, now, new_id

    async def of(self, call: Call, note_id: UUID) -> list[NoteHold]:
        """Newest first: for who may hold it, compliance officers and the client. 404 for everybody else."""
        note = await self._note(call, note_id)
        await self._known_to(call, note)
        return await self._table.holds(call.tenant, note_id)

    async def place(
        self,
        call: Call,
        note_id: UUID,
        exception: HoldException,
        reason: str,
        until: datetime,
        repeat: Repeat,
        shown: Callable[[NoteHold], dict[str, Any]],
    ) -> tuple[Answer, int]:
        """The hold, in force for the next question. Problem 403, 404, 409 where the practice's law has no such hold, 422."""
        note = await self._note(call, note_id)
        await self._practitioner(call, note, PLACE)
        now = self._now()
        if not now < until <= now + LONGEST:
            raise invalid([Fault("/until", f"a time to come, {LONGEST.days} days from now at the latest")])
        rules = await self._rules.in_force(call.tenant)
        if not any(Fact.HELD in row.facts for row in rules.law.rows):
            raise conflict("The law of this practice knows no hold of a note by exception.")
        hold = NoteHold(str(self._new_id()), note.record_id, note.client_id, exception, until, call.principal.sub, now)
        answer = Answer(201, shown(hold))
        detail = {"hold": hold.id, "note": note.record_id, "exception": str(exception), "reason": reason}
        entry = self._entry(call, note, PLACE, "done", "note-held", detail | {"until": until.isoformat()})
        statements = [self._table.placed(call.tenant, hold), *repeat.statements(answer, note.client_id)]
        (index,) = await self._ledger.write(call.tenant, [entry], statements)
        return answer, index

    async def end(self, call: Call, note_id: UUID, hold_id: UUID) -> tuple[NoteHold, int]:
        """The hold, over. Problem 403, 404, 409."""
        note = await self._note(call, note_id)
        if call.principal.role is not Role.COMPLIANCE_OFFICER:
            await self._practitioner(call, note, END)
        hold = next((h for h in await self._table.holds(call.tenant, note_id) if h.id == str(hold_id)), None)
        if hold is None:
            raise not_found("There is no such hold of this note.")
        now = self._now()
        if not hold.holds(now):
            raise conflict("This hold is over already.")
        by = call.principal.sub
        entry = self._entry(call, note, END, "done", "note-hold-ended", {"hold": hold.id, "note": note.record_id})
        try:
            (index,) = await self._ledger.write(call.tenant, [entry], [self._table.ended(call.tenant, hold, by, now)])
        except UniqueViolation:
            raise conflict("This hold is over already.") from None
        return replace(hold, ended_by=by, ended_at=now), index

    async def _note(self, call: Call, note_id: UUID) -> BoundRecord:
        """A progress note; of a psychotherapy note nobody learns here. 404."""
        found = (await self._registry.known(call.tenant, [str(note_id)])).get(str(note_id))
        if found is None or found.record_type is not RecordType.PROGRESS_NOTE:
            raise not_found()
        return found

    async def _treats(self, call: Call, note: BoundRecord) -> bool:
        who = call.principal
        if who.role not in PRACTITIONERS:
            return False
        policy = (await self._policy.policy(call.tenant)).client(note.client_id)
        return note.author == who.sub or bool(policy.relationships_of(who.sub, self._now()))

    async def _known_to(self, call: Call, note: BoundRecord) -> None:
        who = call.principal
        own = who.role is Role.CLIENT and who.client_id == note.client_id
        if not (own or who.role is Role.COMPLIANCE_OFFICER or await self._treats(call, note)):
            raise not_found()

    async def _practitioner(self, call: Call, note: BoundRecord, action: str) -> None:
        """404, or 403 for who may know of the note; the refusal is an entry."""
        if await self._treats(call, note):
            return
        (index,) = await self._ledger.write(call.tenant, [self._entry(call, note, action, "deny", "not-treating", {})])
        known = call.principal.role is Role.COMPLIANCE_OFFICER or call.principal.client_id == note.client_id
        problem = forbidden("Who wrote the note or treats the client decides on this.") if known else not_found()
        problem.headers["Audit-Entry"] = str(index)
        raise problem

    def _entry(self, call: Call, note: BoundRecord, action: str, outcome: str, reason: str, detail: dict[str, Any]) -> Entry:
        """Of kind policy: it is no line of the client's own report, which would tell why."""
        return Entry(
            kind=EntryKind.POLICY,
            at=self._now(),
            action=action,
            outcome=outcome,
            reason=reason,
            agent=call.principal.sub,
            agent_role=str(call.principal.role),
            agent_name=call.principal.name,
            service=str(ServiceName.AUDIT_LOG),
            request_id=call.request_id,
            client_id=note.client_id,
            basis=(_RULE,),
            detail=detail,
        )
