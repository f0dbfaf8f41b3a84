"""Who may look into the ledger, and the entry that every look leaves behind."""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.ledger.application.ledger_view import LedgerView
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.contracts.records import ServiceName
from shared.eventstore.model import Statement
from shared.http.call import Call, authenticate
from shared.http.problems import Problem, forbidden, not_found, unavailable
from shared.identity.roles import REVIEWERS, Role, default_purpose, may_claim
from shared.identity.tokens import TokenVerifier

_ID: Final = re.compile(r"[0-9a-fA-F-]{32,36}", re.ASCII)


class LedgerRoute(APIRoute):
    """Answers 503 where the ledger does not: a look that cannot be recorded shows nothing."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except LedgerUnavailable as error:
                raise unavailable(f"The ledger cannot be written just now, so nothing is shown: {error}.") from None

        return handle


class Desk:
    def __init__(
        self,
        ledger: LedgerView,
        tokens: TokenVerifier,
        now: Callable[[], datetime],
        caller: Callable[[Request, TokenVerifier], Call] = authenticate,
    ) -> None:
        """`caller` finds out who asks: by the Authorization header, unless pages with a session of their own say otherwise."""
        self._ledger, self._tokens, self._now, self._caller = ledger, tokens, now, caller

    def caller(self, request: Request) -> Call:
        """Whoever asks. 401."""
        return self._caller(request, self._tokens)

    async def officer(
        self,
        request: Request,
        action: str,
        client_id: str | None = None,
        *,
        refusal: str = "This is open to compliance officers.",
    ) -> Call:
        """The compliance officer who asks. 403 for anybody else; the refusal is recorded."""
        return await self.admit(self._caller(request, self._tokens), action, client_id, refusal=refusal)

    async def admit(
        self, call: Call, action: str, client_id: str | None = None, *, refusal: str = "This is open to compliance officers."
    ) -> Call:
        """The call of a compliance officer. 403 for anybody else; the refusal is recorded."""
        if call.principal.role is not Role.COMPLIANCE_OFFICER:
            raise await self._refuse(call, action, client_id, "role", forbidden(refusal))
        return await self._with_purpose(call, action, client_id)

    async def reviewer(self, request: Request, action: str) -> Call:
        """A supervisor or compliance officer. 403 for anybody else; the refusal is recorded."""
        call = self._caller(request, self._tokens)
        if call.principal.role not in REVIEWERS:
            problem = forbidden("This is open to supervisors and compliance officers.")
            raise await self._refuse(call, action, None, "role", problem)
        return await self._with_purpose(call, action, None)

    async def officer_or_client(self, request: Request, action: str, client_id: str) -> Call:
        """An officer, or the client whose record it is. 404 for another client, 403 for anybody else."""
        call = self._caller(request, self._tokens)
        role = call.principal.role
        if role is Role.CLIENT and call.principal.client_id != client_id:
            raise await self._refuse(call, action, None, "other_client", not_found())
        if role not in (Role.CLIENT, Role.COMPLIANCE_OFFICER):
            problem = forbidden("This is open to the client and to compliance officers.")
            raise await self._refuse(call, action, client_id, "role", problem)
        return await self._with_purpose(call, action, client_id)

    async def officer_of(self, request: Request, tenant: str) -> None:
        """For the tree's hashes, which say nothing about anybody: an officer of that tenant, and no entry is made."""
        call = self._caller(request, self._tokens)
        if call.tenant != tenant:
            raise not_found()
        if call.principal.role is not Role.COMPLIANCE_OFFICER:
            raise forbidden("This is open to compliance officers.")

    async def record(
        self,
        call: Call,
        action: str,
        query: Mapping[str, Any],
        rows: int,
        *,
        client_id: str | None = None,
        statements: Sequence[Statement] = (),
    ) -> dict[str, str]:
        """Append the entry of this look, in one transaction with `statements`; the header that names it. Of whom was asked for,
        it keeps the `sub`s that the log knows: what was typed may be a client's name."""
        asked = dict(query)
        if isinstance(asked.get("agent"), str):
            asked["agent"] = await self._ledger.agents(call.tenant, asked["agent"])
        if "record_id" in asked and not _ID.fullmatch(asked["record_id"]):
            asked["record_id"] = "no id"
        return await self._append(call, action, "permit", "officer", client_id, {"query": asked, "rows": rows}, statements)

    async def _with_purpose(self, call: Call, action: str, client_id: str | None) -> Call:
        if call.purpose is not None and not may_claim(call.principal.role, call.purpose):
            problem = forbidden("Your role may not claim this purpose of use.")
            raise await self._refuse(call, action, client_id, "purpose", problem)
        return call

    async def _refuse(self, call: Call, action: str, client_id: str | None, reason: str, problem: Problem) -> Problem:
        problem.headers.update(await self._append(call, action, "deny", reason, client_id, {}))
        return problem

    async def _append(
        self,
        call: Call,
        action: str,
        outcome: str,
        reason: str,
        client_id: str | None,
        detail: dict[str, Any],
        statements: Sequence[Statement] = (),
    ) -> dict[str, str]:
        who = call.principal
        entry = Entry(
            kind=EntryKind.QUERY,
            at=self._now(),
            action=action,
            outcome=outcome,
            reason="own_record" if outcome == "permit" and who.role is Role.CLIENT else reason,
            agent=who.sub,
            agent_name=who.name,
            agent_role=who.role.value,
            service=ServiceName.AUDIT_LOG.value,
            request_id=call.request_id,
            client_id=_uuid(client_id),
            purpose=call.purpose or default_purpose(who.role),
            purpose_defaulted=call.purpose is None,
            detail=detail,
        )
        indexes = await self._ledger.append(call.tenant, [entry], statements=statements)
        return {"Audit-Entry": str(indexes[0])}


def _uuid(client_id: str | None) -> str | None:
    """A client's id as a caller gave it; anything else, a name perhaps, must not come into a ledger that never forgets."""
    try:
        return str(UUID(client_id)) if client_id else None
    except ValueError:
        return None
