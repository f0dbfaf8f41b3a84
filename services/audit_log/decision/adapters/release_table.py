"""Clients' choices of who sees their alliance ratings."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.audit_log.decision.domain.release import RELEASE_DELAY, ReleaseChoice
from shared.contracts.disclosure import ReleaseAudience
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore

_SELECT: Final = """SELECT client_id, therapist, supervisor FROM release_choice
WHERE tenant_id = $1 AND client_id = ANY($2::uuid[])"""
_UPSERT: Final = """INSERT INTO release_choice (tenant_id, client_id, therapist, supervisor, chosen_at)
VALUES ($1, $2, coalesce($3, $5), coalesce($4, $6), $7)
ON CONFLICT ON CONSTRAINT release_choice_pkey DO UPDATE SET
  therapist = coalesce($3, release_choice.therapist), supervisor = coalesce($4, release_choice.supervisor), chosen_at = $7"""


class ReleaseTable:
    def __init__(self, store: EventStore, *, delay: timedelta = RELEASE_DELAY) -> None:
        self._store, self._delay = store, delay

    async def of(self, tenant: str, client_ids: Sequence[str]) -> dict[str, ReleaseChoice]:
        rows = await self._store.fetch(tenant, _SELECT, tenant, [UUID(c) for c in client_ids])
        return {
            str(row["client_id"]): ReleaseChoice(
                ReleaseAudience(row["therapist"]), ReleaseAudience(row["supervisor"]), self._delay
            )
            for row in rows
        }

    async def choice(self, tenant: str, client_id: str) -> ReleaseChoice:
        return (await self.of(tenant, [client_id])).get(client_id, ReleaseChoice(delay=self._delay))

    def chosen(
        self, tenant: str, client_id: str, therapist: ReleaseAudience | None, supervisor: ReleaseAudience | None, at: datetime
    ) -> Statement:
        """What is None stays as it was."""
        default = ReleaseChoice()
        given = (str(a) if a is not None else None for a in (therapist, supervisor))
        return Statement(_UPSERT, (tenant, UUID(client_id), *given, str(default.therapist), str(default.supervisor), at))
