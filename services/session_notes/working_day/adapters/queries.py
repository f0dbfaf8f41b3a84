"""The working day in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.session_notes.desk.application.ports import NoteRow, Position, PromptRow, SessionRow
from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.notes.domain.notes import NoteStatus
from services.session_notes.working_day.application.ports import ClientRow, WaitingPrompt
from shared.eventstore.store import EventStore

_CLIENTS: Final = (
    "SELECT client_id, created_at FROM client WHERE tenant_id = $1 "
    "AND ($2::timestamptz IS NULL OR (created_at, client_id) < ($2, $3::uuid)) ORDER BY created_at DESC, client_id DESC LIMIT $4"
)
_SESSION: Final = "s.session_id, s.client_id, s.held, s.created_at, s.in_error"
_SESSIONS: Final = (
    f"SELECT {_SESSION} FROM session s WHERE tenant_id = $1 AND therapist_id = $2 "  # noqa: S608
    "AND ($3::timestamptz IS NULL OR changed_at >= $3) "
    "AND ($4::timestamptz IS NULL OR (created_at, session_id) < ($4, $5::uuid)) "
    "ORDER BY created_at DESC, session_id DESC LIMIT $6"
)
_NOTES: Final = (
    "SELECT note_id, client_id, session_id, kind, author, created_at FROM note WHERE tenant_id = $1 "
    "AND ($2::text IS NULL OR author = $2) AND status = $3 AND (cosignature_due OR NOT $4::bool) "
    "ORDER BY created_at, note_id LIMIT $5"
)
_WITHOUT_NOTE: Final = (
    f"SELECT {_SESSION} FROM session s WHERE tenant_id = $1 AND therapist_id = $2 AND held AND NOT EXISTS ("  # noqa: S608
    "SELECT FROM note n WHERE n.tenant_id = s.tenant_id AND n.session_id = s.session_id AND n.kind = $3 AND n.status <> $4) "
    "ORDER BY created_at, session_id LIMIT $5"
)
_PROMPTS: Final = (
    "SELECT p.prompt_id, p.client_id, p.event_id, p.schema_version, p.data, p.at FROM ("
    "SELECT DISTINCT ON (client_id) client_id, therapist_id, created_at FROM session WHERE tenant_id = $1 AND held "
    "AND client_id IN (SELECT client_id FROM session WHERE tenant_id = $1 AND therapist_id = $2) "
    "ORDER BY client_id, created_at DESC) newest "
    "JOIN prompt p ON p.tenant_id = $1 AND p.client_id = newest.client_id AND p.at > newest.created_at "
    "WHERE newest.therapist_id = $2 ORDER BY p.at DESC, p.prompt_id LIMIT $3"
)


class PostgresWorkingDay:
    """`WorkingDay`."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def clients(self, tenant: str, after: Position | None, limit: int) -> list[ClientRow]:
        rows = await self._store.fetch(tenant, _CLIENTS, tenant, *_place(after), limit)
        return [ClientRow(row["client_id"], row["created_at"]) for row in rows]

    async def sessions_of_therapist(
        self, tenant: str, therapist: str, since: datetime | None, after: Position | None, limit: int
    ) -> list[SessionRow]:
        rows = await self._store.fetch(tenant, _SESSIONS, tenant, therapist, since, *_place(after), limit)
        return _sessions(rows)

    async def drafts(self, tenant: str, author: str, limit: int) -> list[NoteRow]:
        return await self._notes(tenant, author, NoteStatus.DRAFT, limit)

    async def returned(self, tenant: str, author: str, limit: int) -> list[NoteRow]:
        return await self._notes(tenant, author, NoteStatus.RETURNED, limit)

    async def cosignatures_due(self, tenant: str, author: str | None, limit: int) -> list[NoteRow]:
        return await self._notes(tenant, author, NoteStatus.SIGNED, limit, due=True)

    async def sessions_without_note(self, tenant: str, therapist: str, limit: int) -> list[SessionRow]:
        args = (str(NoteKind.PROGRESS), str(NoteStatus.ENTERED_IN_ERROR), limit)
        return _sessions(await self._store.fetch(tenant, _WITHOUT_NOTE, tenant, therapist, *args))

    async def prompts(self, tenant: str, therapist: str, limit: int) -> list[WaitingPrompt]:
        return [_prompt(row) for row in await self._store.fetch(tenant, _PROMPTS, tenant, therapist, limit)]

    async def _notes(
        self, tenant: str, author: str | None, status: NoteStatus, limit: int, *, due: bool = False
    ) -> list[NoteRow]:
        rows = await self._store.fetch(tenant, _NOTES, tenant, author, str(status), due, limit)
        return [
            NoteRow(r["note_id"], r["client_id"], r["session_id"], NoteKind(r["kind"]), r["author"], r["created_at"])
            for r in rows
        ]


def _place(after: Position | None) -> tuple[datetime | None, UUID | None]:
    return (after.created_at, after.id) if after else (None, None)


def _sessions(rows: Sequence[Mapping[str, Any]]) -> list[SessionRow]:
    return [SessionRow(r["session_id"], r["client_id"], r["held"], r["created_at"], r["in_error"]) for r in rows]


def _prompt(row: Mapping[str, Any]) -> WaitingPrompt:
    prompt = PromptRow(row["prompt_id"], row["client_id"], row["event_id"], row["schema_version"], bytes(row["data"]))
    return WaitingPrompt(prompt, row["at"])
