"""Break-glass: a grant is made before it is used, with its reason in the ledger alone, never in a header."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from services.audit_log.break_glass.domain.reviews import due, to_document
from services.audit_log.decision.domain.grants import EMERGENCY, OPENED_BY_EMERGENCY, THREAT, Grant, GrantStatus
from services.audit_log.ledger.application.ports import Clients, LedgerStep
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.ledger.domain.sentences import BREAK_GLASS
from services.audit_log.practice.application.practice import NOT_THE_SECOND, SecondPerson
from shared.contracts.disclosure import UNKNOWN_CLIENT
from shared.contracts.records import KeyClass
from shared.eventstore.model import Statement, UniqueViolation
from shared.http.call import Call
from shared.http.problems import Fault, Problem, conflict, forbidden, invalid, not_found
from shared.identity.roles import Role

GRANT_ROLES: Final = frozenset({Role.THERAPIST, Role.SUPERVISOR})
"""default of the setting AUDIT_LOG_BREAK_GLASS_ROLES: who may break the glass"""
APPROVER_ROLES: Final = frozenset({Role.THERAPIST, Role.SUPERVISOR, Role.COMPLIANCE_OFFICER})


class GrantStore(Protocol):
    async def one(self, tenant: str, grant_id: UUID) -> tuple[Grant, int] | None: ...

    def made(self, tenant: str, grant: Grant, minutes: int, at: datetime) -> Statement: ...

    def approved(self, tenant: str, grant: Grant, at: datetime) -> Statement: ...


class ReviewQueue(Protocol):
    def wanted(self, tenant: str, grant: Grant, at: datetime, due_at: datetime, missing: Sequence[str]) -> Statement: ...


@dataclass(frozen=True, slots=True)
class GrantWanted:
    client_id: UUID
    purpose: str
    reason: str
    scope: tuple[str, ...]
    minutes: int
    recipient: str | None


class BreakGlass:
    def __init__(
        self,
        store: GrantStore,
        reviews: ReviewQueue,
        ledger: LedgerStep,
        clients: Clients,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
        second: SecondPerson,
        roles: frozenset[Role] = GRANT_ROLES,
    ) -> None:
        self._store, self._reviews, self._ledger, self._second = store, reviews, ledger, second
        self._clients = clients
        self._now, self._new_id, self._roles = now, new_id, roles

    async def make(
        self, call: Call, wanted: GrantWanted, repeat: Callable[[Grant], tuple[Statement, ...]]
    ) -> tuple[Grant, tuple[int, ...]]:
        """The grant and its entry, durable. Problem 403 for another group, 404 where there is no such client, 422 for a scope
        that cannot be granted.

        `repeat` gives the statements of the call's idempotency record. UniqueViolation where it stands already.
        """
        now = self._now()
        if call.principal.role not in self._roles:
            entries = await self._write(call, wanted.client_id, wanted.purpose, "not-of-the-group", "deny", now)
            raise _refused("Your group may not break the glass here: ask a therapist or supervisor.", entries)
        if not await self._clients.has_client(call.tenant, wanted.client_id):
            await self._write(call, wanted.client_id, wanted.purpose, UNKNOWN_CLIENT, "deny", now)
            raise not_found()
        grant = Grant(
            id=str(self._new_id()),
            sub=call.principal.sub,
            client_id=str(wanted.client_id),
            purpose=wanted.purpose,
            scope=scope_of(wanted),
            status=GrantStatus.AWAITING if wanted.purpose == THREAT else GrantStatus.ACTIVE,
            expires_at=now + timedelta(minutes=wanted.minutes),
        )
        detail: dict[str, Any] = {"reason": wanted.reason, "minutes": wanted.minutes}
        if wanted.recipient:
            detail["recipient"] = wanted.recipient
        review = self._reviews.wanted(
            call.tenant, grant, now, due(grant.purpose, now), to_document(grant.purpose, wanted.recipient)
        )
        statements = (self._store.made(call.tenant, grant, wanted.minutes, now), review, *repeat(grant))
        entries = await self._write(
            call, wanted.client_id, wanted.purpose, str(grant.status), "done", now, grant, detail, statements
        )
        return grant, entries

    async def approve(self, call: Call, grant_id: UUID) -> tuple[Grant, tuple[int, ...]]:
        """The grant, now active, its minutes counted from here. Problem 403, 404, 409."""
        found, now = await self._store.one(call.tenant, grant_id), self._now()
        if call.principal.role not in APPROVER_ROLES:
            entries = await self._refuse_approval(call, found, "not-an-approver", now)
            raise _refused("A therapist, supervisor or compliance officer gives the second approval.", entries)
        if found is None:
            raise not_found()
        grant, minutes = found
        if grant.sub == call.principal.sub:
            entries = await self._refuse_approval(call, found, "own-request", now)
            raise _refused("Somebody else has to approve it: who asked cannot.", entries)
        if not await self._second.among(call.tenant, grant.sub, call.principal.sub):
            entries = await self._refuse_approval(call, found, "not-the-second-person", now)
            raise _refused(NOT_THE_SECOND, entries)
        if grant.status is not GrantStatus.AWAITING:
            raise conflict("This grant awaits no approval.")
        if grant.expires_at <= now:
            raise conflict("The request has run out: make a new one.")
        grant = replace(
            grant,
            status=GrantStatus.ACTIVE,
            approved_by=call.principal.sub,
            expires_at=now + timedelta(minutes=minutes),
        )
        statements = (self._store.approved(call.tenant, grant, now),)
        try:
            entries = await self._write(
                call, UUID(grant.client_id), grant.purpose, "approved", "done", now, grant, {}, statements, action="update"
            )
        except UniqueViolation:
            raise conflict("This grant awaits no approval.") from None
        return grant, entries

    async def _refuse_approval(self, call: Call, found: tuple[Grant, int] | None, reason: str, now: datetime) -> tuple[int, ...]:
        grant = found[0] if found else None
        client_id = UUID(grant.client_id) if grant else None
        return await self._write(call, client_id, grant.purpose if grant else None, reason, "deny", now, grant, action="update")

    async def _write(
        self,
        call: Call,
        client_id: UUID | None,
        purpose: str | None,
        reason: str,
        outcome: str,
        at: datetime,
        grant: Grant | None = None,
        detail: dict[str, Any] | None = None,
        statements: tuple[Statement, ...] = (),
        *,
        action: str = "create",
    ) -> tuple[int, ...]:
        named: dict[str, Any] = {"holder": grant.sub, "scope": sorted(grant.scope)} if grant else {}
        entry = Entry(
            kind=EntryKind.GRANT,
            at=at,
            action=action,
            outcome=outcome,
            reason=reason,
            agent=call.principal.sub,
            agent_role=str(call.principal.role),
            agent_name=call.principal.name,
            service="audit_log",
            request_id=call.request_id,
            client_id=str(client_id) if client_id else None,
            purpose=purpose,
            basis=("rule:glass.grant", *([f"grant:{grant.id}"] if grant else [])),
            detail={**named, **(detail or {})},
        )
        made = [entry]
        if outcome == "done" and reason != "approved" and grant is not None:
            # supervisors are told in the moment in which the grant is made: an alarm beside it, and the queue of reviews
            made.append(replace(entry, kind=EntryKind.ALARM, reason=BREAK_GLASS, detail=named))
        return await self._ledger.write(call.tenant, made, statements)


def _refused(detail: str, entries: tuple[int, ...]) -> Problem:
    problem = forbidden(detail)
    problem.headers["Audit-Entry"] = ", ".join(map(str, entries))
    return problem


def scope_of(wanted: GrantWanted) -> frozenset[str]:
    """What the grant reaches: key classes or record ids. Problem 422 where that is not something to grant."""
    if wanted.purpose == THREAT:
        faults = []
        if len(wanted.scope) != 1 or not _is_record(wanted.scope[0]):
            faults.append(Fault("/scope", "exactly one record id"))
        if not wanted.recipient:
            faults.append(Fault("/recipient", "who is able to lessen the threat"))
        if faults:
            raise invalid(faults)
        return frozenset({str(UUID(wanted.scope[0]))})
    classes = {k.value for k in KeyClass}
    faults = [
        Fault(f"/scope/{n}", f"a record id, or one of {', '.join(sorted(classes))}")
        for n, item in enumerate(wanted.scope)
        if item not in classes and not _is_record(item)
    ]
    if faults:
        raise invalid(faults)
    # psychotherapy notes are named in vain: no emergency opens them
    reachable = frozenset(
        item if item in classes else str(UUID(item)) for item in wanted.scope if item != KeyClass.PSYCHOTHERAPY_NOTE
    )
    if wanted.scope and not reachable:
        allowed = ", ".join(sorted(OPENED_BY_EMERGENCY))
        raise invalid([Fault("/scope", f"{' and '.join(sorted(EMERGENCY))} open {allowed}, never psychotherapy notes")])
    return reachable


def _is_record(item: str) -> bool:
    try:
        UUID(item)
    except ValueError:
        return False
    return True
