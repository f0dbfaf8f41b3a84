"""Requests for an accounting and their clock, and what is entered by hand. Each step is an entry of the ledger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from services.audit_log.accounting.application.by_hand import ByHand, entry_of
from services.audit_log.accounting.domain.asked import Asked, is_free, why_not_extended
from services.audit_log.ledger.application.ports import Clients, Ledger
from services.audit_log.practice.domain.practice import Letterhead
from shared.eventstore.model import Statement, UniqueViolation
from shared.http.call import Call
from shared.http.idempotency import Answer, Idempotency, Repeat
from shared.http.problems import Fault, conflict, invalid, not_found

EXTENDED, ANSWERED = "extended", "answered"
"""steps of a request"""


class Requests(Protocol):
    async def of(self, tenant: str, client_id: str) -> list[Asked]: ...

    async def waiting(self, tenant: str, limit: int) -> list[Asked]: ...

    def made(self, tenant: str, asked: Asked, at: datetime) -> Statement: ...

    def stepped(self, tenant: str, asked: Asked, step: str, day: date, by: str, at: datetime) -> Statement: ...


class Letterheads(Protocol):
    async def letterhead(self, tenant: str) -> Letterhead | None: ...


class Record(Protocol):
    async def __call__(
        self,
        call: Call,
        action: str,
        query: Mapping[str, Any],
        rows: int,
        *,
        client_id: str | None = None,
        statements: Sequence[Statement] = (),
    ) -> dict[str, str]:
        """Append the entry, in one transaction with `statements`; the header that names it."""


class Asking:
    def __init__(
        self,
        table: Requests,
        practice: Letterheads,
        ledger: Ledger,
        clients: Clients,
        record: Record,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._table, self._practice, self._ledger, self._clients = table, practice, ledger, clients
        self._record, self._now, self._new_id = record, now, new_id

    async def letterhead(self, tenant: str) -> Letterhead | None:
        return await self._practice.letterhead(tenant)

    async def today(self, tenant: str) -> date:
        """By the practice's calendar; by UTC's where no zone was set."""
        head = await self._practice.letterhead(tenant)
        return self._now().astimezone(ZoneInfo(head.zone) if head else UTC).date()

    async def waiting(self, tenant: str, limit: int) -> list[Asked]:
        """Not answered yet, soonest due first."""
        return await self._table.waiting(tenant, limit)

    async def of(self, tenant: str, client_id: str) -> tuple[list[Asked], date]:
        return await self._table.of(tenant, client_id), await self.today(tenant)

    async def by_hand(
        self, call: Call, told: ByHand, idempotency: Idempotency, raw: bytes
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """What was entered, and the header that names its entry. Problem 404, 422."""
        await self._known(call.tenant, told.client_id)
        if told.on > await self.today(call.tenant):
            raise invalid([Fault("/on", "a day that has come")])
        headers: dict[str, str] = {}

        async def work(repeat: Repeat) -> Answer:
            shown = {"client_id": told.client_id, "on": told.on.isoformat(), "how": told.how, "what": [str(t) for t in told.what]}
            answer = Answer(201, shown | {"purpose": told.purpose})
            statements = repeat.statements(answer, told.client_id)
            (index,) = await self._ledger.append(call.tenant, [entry_of(told, call, self._now())], statements=statements)
            headers["Audit-Entry"] = str(index)
            return answer

        answer, _ = await idempotency.run(call, f"POST /v1/audit/clients/{told.client_id}/disclosures", raw, work)
        return answer.body, headers

    async def ask(self, call: Call, client_id: str, asked_on: date | None) -> tuple[Asked, date, dict[str, str]]:
        """The request, with its clock. Problem 404, 422."""
        await self._known(call.tenant, client_id)
        found, today = await self.of(call.tenant, client_id)
        day = asked_on or today
        if day > today:
            raise invalid([Fault("/asked_on", "a day that has come")])
        free = is_free(day, [a.asked_on for a in found])
        asked = Asked(str(self._new_id()), client_id, day, call.principal.sub, free)
        query = {"request": asked.id, "asked_on": day.isoformat(), "due_on": asked.due_on.isoformat()}
        made = self._table.made(call.tenant, asked, self._now())
        headers = await self._record(call, "request-accounting", query, 1, client_id=client_id, statements=[made])
        return asked, today, headers

    async def extend(
        self, call: Call, client_id: str, request_id: UUID, reason: str, until: date
    ) -> tuple[Asked, date, dict[str, str]]:
        """The request with its one extension. Problem 404, 409, 422."""
        asked, today = await self._one(call.tenant, client_id, request_id)
        if why := why_not_extended(asked, today):
            raise conflict(why)
        if not asked.due_on < until <= asked.latest:
            latest = asked.latest.isoformat()
            raise invalid([Fault("/until", f"a day after {asked.due_on.isoformat()}, {latest} at the latest (30 days more)")])
        query = {"request": asked.id, "reason": reason, "until": until.isoformat()}
        headers = await self._step(call, asked, EXTENDED, until, "extend-accounting", query)
        return replace(asked, extended_to=until), today, headers

    async def answer(
        self, call: Call, client_id: str, request_id: UUID, how: str, on: date | None
    ) -> tuple[Asked, date, dict[str, str]]:
        """The request, answered. Problem 404, 409, 422."""
        asked, today = await self._one(call.tenant, client_id, request_id)
        day = on or today
        if asked.answered_on is not None:
            raise conflict("It was answered already.")
        if not asked.asked_on <= day <= today:
            raise invalid([Fault("/on", f"a day from {asked.asked_on.isoformat()} to {today.isoformat()}")])
        query = {"request": asked.id, "how": how, "on": day.isoformat()}
        headers = await self._step(call, asked, ANSWERED, day, "answer-accounting", query)
        return replace(asked, answered_on=day), today, headers

    async def _step(
        self, call: Call, asked: Asked, step: str, day: date, action: str, query: Mapping[str, Any]
    ) -> dict[str, str]:
        made = self._table.stepped(call.tenant, asked, step, day, call.principal.sub, self._now())
        try:
            return await self._record(call, action, query, 1, client_id=asked.client_id, statements=[made])
        except UniqueViolation:
            raise conflict("Somebody was faster: look at the request again.") from None

    async def _one(self, tenant: str, client_id: str, request_id: UUID) -> tuple[Asked, date]:
        found, today = await self.of(tenant, client_id)
        asked = next((a for a in found if a.id == str(request_id)), None)
        if asked is None:
            raise not_found("There is no such request of this client.")
        return asked, today

    async def _known(self, tenant: str, client_id: str) -> None:
        if not await self._clients.has_client(tenant, UUID(client_id)):
            raise not_found("There is no such client.")
