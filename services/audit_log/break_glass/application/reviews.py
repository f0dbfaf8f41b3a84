"""Break-glass afterwards: what was missing gets written down, and somebody other than the holder finds it justified or not."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.audit_log.break_glass.domain.reviews import Finding, Review
from services.audit_log.ledger.application.ledger_view import Filters, LedgerView, StoredEntry
from services.audit_log.ledger.application.ports import LedgerStep
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.eventstore.model import Statement, UniqueViolation
from shared.http.call import Call
from shared.http.problems import Fault, conflict, forbidden, invalid, not_found
from shared.identity.roles import Role

REVIEWERS = frozenset({Role.SUPERVISOR, Role.COMPLIANCE_OFFICER})
_LOOKED_AT = 200
"""entries of a grant that a review shows"""


class Reviews(Protocol):
    async def one(self, tenant: str, grant_id: UUID) -> Review | None: ...

    async def queue(self, tenant: str, status: str, after: tuple[datetime, str] | None, limit: int) -> list[Review]: ...

    def written(self, tenant: str, grant_id: str, item: str, by: str, at: datetime) -> Statement: ...

    def decided(self, tenant: str, grant_id: str, finding: Finding, by: str, at: datetime) -> Statement: ...


class Reviewing:
    def __init__(self, reviews: Reviews, ledger: LedgerStep, view: LedgerView, *, now: Callable[[], datetime]) -> None:
        self._reviews, self._ledger, self._view, self._now = reviews, ledger, view, now

    async def queue(self, call: Call, status: str, after: tuple[datetime, str] | None, limit: int) -> list[Review]:
        return await self._reviews.queue(call.tenant, status, after, limit)

    async def one(self, tenant: str, grant_id: UUID) -> Review:
        """Problem 404."""
        review = await self._reviews.one(tenant, grant_id)
        if review is None:
            raise not_found()
        return review

    async def story(self, tenant: str, review: Review) -> list[StoredEntry]:
        """The ledger's entries that rest on the grant, oldest first: its reason, its approval, each use of it."""
        filters = Filters(client_id=review.client_id, purpose=review.purpose, since=review.made_at)
        found = await self._view.search(tenant, filters, limit=_LOOKED_AT)
        return [s for s in reversed(found) if f"grant:{review.grant_id}" in s.entry.basis]

    async def document(self, call: Call, grant_id: UUID, items: Mapping[str, str]) -> tuple[Review, tuple[int, ...]]:
        """What was missing, written down by the holder or a reviewer. Problem 403, 404, 409 (it stands already), 422."""
        review = await self.one(call.tenant, grant_id)
        if call.principal.sub != review.holder and call.principal.role not in REVIEWERS:
            raise not_found()
        if not items:
            raise invalid([Fault("", "name at least one of recipient, nature_of_emergency")])
        if any(item not in review.missing for item in items):
            raise conflict("That is written already, or was never missing: see `missing`.")
        now = self._now()
        statements = [
            self._reviews.written(call.tenant, review.grant_id, item, call.principal.sub, now) for item in sorted(items)
        ]
        entries = await self._write(call, review, "documented", dict(items), statements, now)
        return await self.one(call.tenant, grant_id), entries

    async def decide(self, call: Call, grant_id: UUID, finding: Finding, note: str) -> tuple[Review, tuple[int, ...]]:
        """The finding, by a supervisor or compliance officer other than the holder. Problem 403, 404, 409."""
        if call.principal.role not in REVIEWERS:
            raise forbidden("A supervisor or compliance officer reviews a grant.")
        review = await self.one(call.tenant, grant_id)
        if call.principal.sub == review.holder:
            raise forbidden("Somebody else has to review it: who held the grant cannot.")
        if review.finding is not None:
            raise conflict("This grant was reviewed already.")
        now = self._now()
        statement = self._reviews.decided(call.tenant, review.grant_id, finding, call.principal.sub, now)
        entries = await self._write(call, review, f"reviewed-{finding}", {"note": note}, [statement], now)
        return await self.one(call.tenant, grant_id), entries

    async def _write(
        self, call: Call, review: Review, reason: str, detail: dict[str, Any], statements: Sequence[Statement], now: datetime
    ) -> tuple[int, ...]:
        entry = Entry(
            kind=EntryKind.GRANT,
            at=now,
            action="update",
            outcome="done",
            reason=reason,
            agent=call.principal.sub,
            agent_role=str(call.principal.role),
            agent_name=call.principal.name,
            service="audit_log",
            request_id=call.request_id,
            client_id=review.client_id,
            purpose=review.purpose,
            basis=("rule:law.42cfr2.51", f"grant:{review.grant_id}"),
            detail={"holder": review.holder, **detail},
        )
        try:
            return await self._ledger.write(call.tenant, [entry], statements)
        except UniqueViolation:
            raise conflict("Somebody was faster: look at the review again.") from None
