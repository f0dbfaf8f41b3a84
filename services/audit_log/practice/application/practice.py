"""An administrator registers record systems, and says that a tenant is a solo practice. Each step is an entry of the ledger."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from services.audit_log.ledger.application.ports import LedgerStep
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.practice.domain.practice import Letterhead, SoloPractice, TrustedSystem
from shared.contracts.records import ServiceName
from shared.eventstore.model import Statement, UniqueViolation
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Fault, conflict, forbidden, invalid, not_found
from shared.identity.roles import Role

NOT_THE_SECOND: Final = "This is a solo practice: the second person whom it named has to approve it."
READERS: Final = frozenset({Role.ADMINISTRATOR, Role.COMPLIANCE_OFFICER})
"""who sees what was registered and said"""


class Practices(Protocol):
    async def systems(self, tenant: str) -> list[TrustedSystem]: ...

    async def trusted(self, tenant: str, system: str) -> TrustedSystem | None: ...

    async def solo(self, tenant: str) -> SoloPractice | None: ...

    async def letterhead(self, tenant: str) -> Letterhead | None: ...

    async def has_records(self, tenant: str) -> bool: ...

    def registered(self, tenant: str, system: TrustedSystem) -> Statement: ...

    def ended(self, tenant: str, system_id: str, by: str, at: datetime) -> Statement: ...

    def lettered(self, tenant: str, head: Letterhead) -> Statement: ...

    def made(self, tenant: str, solo: SoloPractice) -> Statement: ...


class Practice:
    def __init__(self, table: Practices, ledger: LedgerStep, *, now: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        self._table, self._ledger, self._now, self._new_id = table, ledger, now, new_id

    async def systems(self, call: Call) -> list[TrustedSystem]:
        _may_see(call)
        return await self._table.systems(call.tenant)

    async def solo(self, call: Call) -> SoloPractice | None:
        _may_see(call)
        return await self._table.solo(call.tenant)

    async def letterhead(self, call: Call) -> Letterhead | None:
        _may_see(call)
        return await self._table.letterhead(call.tenant)

    async def letter(self, call: Call, name: str, address: str, zone: str) -> tuple[Letterhead, int]:
        """The name, address and zone from now on. 403 for anybody but an administrator."""
        await self._administrator(call, "set-letterhead")
        head = Letterhead(name, address, zone, call.principal.sub, self._now())
        entry = self._entry(call, "set-letterhead", "done", "letterhead-set", {"name": name, "address": address, "zone": zone})
        (index,) = await self._ledger.write(call.tenant, [entry], [self._table.lettered(call.tenant, head)])
        return head, index

    async def register(
        self, call: Call, system: str, name: str, repeat: Repeat, shown: Callable[[TrustedSystem], dict[str, Any]]
    ) -> tuple[Answer, int | None]:
        """201 and its entry; 200 with the registration that holds already. 403 for anybody but an administrator."""
        await self._administrator(call, "register-system")
        held = await self._table.trusted(call.tenant, system)
        if held is None:
            made = TrustedSystem(str(self._new_id()), system, name, call.principal.sub, self._now())
            answer = Answer(201, shown(made))
            entry = self._entry(call, "register-system", "done", "system-registered", {"system": system, "registration": made.id})
            statements = [self._table.registered(call.tenant, made), *repeat.statements(answer, None)]
            try:
                (index,) = await self._ledger.write(call.tenant, [entry], statements)
            except UniqueViolation as error:
                if error.constraint != "trusted_system_holds":
                    raise
                held = await self._table.trusted(call.tenant, system)
            else:
                return answer, index
        if held is None:
            raise conflict("It was registered and ended in the same moment: look at the list, then send it again.")
        return Answer(200, shown(held)), None

    async def end(self, call: Call, system_id: UUID) -> tuple[TrustedSystem, int]:
        """The registration, ended: from the next question on, the system writes no consents. 403, 404, 409."""
        await self._administrator(call, "end-system")
        held = next((s for s in await self._table.systems(call.tenant) if s.id == str(system_id)), None)
        if held is None:
            raise not_found("There is no such registration.")
        if not held.trusted:
            raise conflict("This registration has ended already.")
        by, at = call.principal.sub, self._now()
        entry = self._entry(call, "end-system", "done", "system-ended", {"system": held.system, "registration": held.id})
        (index,) = await self._ledger.write(call.tenant, [entry], [self._table.ended(call.tenant, held.id, by, at)])
        return replace(held, ended_by=by, ended_at=at), index

    async def make_solo(self, call: Call, practitioner: str, second: str, second_name: str) -> tuple[SoloPractice, int]:
        """Said once, while the tenant has no record yet. 403, 409, 422 where the second person is the practitioner."""
        await self._administrator(call, "make-solo")
        if second == practitioner:
            raise invalid([Fault("/second_person/sub", "somebody else than the practitioner")])
        if await self._table.has_records(call.tenant):
            raise conflict("A solo practice is said when it is made: this tenant has records already.")
        solo = SoloPractice(practitioner, second, second_name, call.principal.sub, self._now())
        detail = {"practitioner": practitioner, "second": second}
        entry = self._entry(call, "make-solo", "done", "solo-practice", detail)
        try:
            (index,) = await self._ledger.write(call.tenant, [entry], [self._table.made(call.tenant, solo)])
        except UniqueViolation:
            raise conflict("This tenant is a solo practice already, and stays as it was said.") from None
        return solo, index

    async def _administrator(self, call: Call, action: str) -> None:
        if call.principal.role is Role.ADMINISTRATOR:
            return
        (index,) = await self._ledger.write(call.tenant, [self._entry(call, action, "deny", "role", {})])
        problem = forbidden("This is for administrators.")
        problem.headers["Audit-Entry"] = str(index)
        raise problem

    def _entry(self, call: Call, action: str, outcome: str, reason: str, detail: dict[str, Any]) -> Entry:
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
            detail=detail,
        )


def _may_see(call: Call) -> None:
    if call.principal.role not in READERS:
        raise forbidden("This is open to administrators and compliance officers.")


class SecondPerson:
    """What needs two people, in a solo practice: one of the two is the person from outside whom it named."""

    def __init__(self, table: Practices) -> None:
        self._table = table

    async def among(self, tenant: str, *two: str) -> bool:
        """Whether these two (`sub`s) may decide it together: in a solo practice its second person is one of them."""
        solo = await self._table.solo(tenant)
        return solo is None or solo.second in two

    async def may_begin(self, call: Call) -> bool:
        """Whether this is the practitioner of a solo practice: they may ask for what the second person then approves."""
        solo = await self._table.solo(call.tenant)
        return solo is not None and call.principal.sub == solo.practitioner and len(call.principal.roles) > 1
