"""The index in PostgreSQL: read by queries, written by statements in the transaction of the events they stand for."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.session_notes.desk.application.ports import NoteRow, Position, PromptRow, SessionRow
from services.session_notes.desk.domain.kinds import NoteKind
from shared.contracts.records import KeyClass
from shared.eventstore.model import Statement, StoredEvent
from shared.eventstore.store import EventStore
from shared.sealing.event import Event
from shared.service.erasure import ERASURES_STREAM, erased_clients

_NEW_PROMPT: Final = (
    "INSERT INTO prompt (tenant_id, prompt_id, client_id, event_id, schema_version, data, at) "
    "SELECT $1::text, $2::uuid, $3::uuid, $4::uuid, $5::int, $6::bytea, $7::timestamptz "
    f"WHERE $3 NOT IN ({erased_clients('$1', '$8', '$9')}) ON CONFLICT (tenant_id, prompt_id) DO NOTHING"
)
_KNOWS_CLIENT: Final = "SELECT 1 FROM client WHERE tenant_id = $1 AND client_id = $2"
_SESSION: Final = "SELECT session_id, client_id, held, created_at, in_error FROM session WHERE tenant_id = $1 AND session_id = $2"
_SESSIONS: Final = (
    "SELECT session_id, client_id, held, created_at, in_error FROM session WHERE tenant_id = $1 AND client_id = $2 "
    "AND ($3::timestamptz IS NULL OR (created_at, session_id) < ($3, $4::uuid)) "
    "ORDER BY created_at DESC, session_id DESC LIMIT $5"
)
_LAST_HELD: Final = "SELECT max(created_at) AS at FROM session WHERE tenant_id = $1 AND client_id = $2 AND held"
_NEIGHBOURS: Final = (
    "SELECT max(created_at) FILTER (WHERE (created_at, session_id) < ($3, $4)) AS before, "
    "min(created_at) FILTER (WHERE (created_at, session_id) > ($3, $4)) AS behind "
    "FROM session WHERE tenant_id = $1 AND client_id = $2 AND held"
)
_NOTE_COLUMNS: Final = "note_id, client_id, session_id, kind, author, created_at"
_NOTE: Final = f"SELECT {_NOTE_COLUMNS} FROM note WHERE tenant_id = $1 AND note_id = $2"  # noqa: S608
_NOTES: Final = (
    f"SELECT {_NOTE_COLUMNS} FROM note WHERE tenant_id = $1 AND client_id = $2 "  # noqa: S608
    "AND ($3::timestamptz IS NULL OR (created_at, note_id) < ($3, $4::uuid)) "
    "ORDER BY created_at DESC, note_id DESC LIMIT $5"
)
_NOTES_BY: Final = (
    f"SELECT {_NOTE_COLUMNS} FROM note WHERE tenant_id = $1 AND author = $2 AND ($3::uuid IS NULL OR client_id = $3) "  # noqa: S608
    "AND ($4::timestamptz IS NULL OR (created_at, note_id) < ($4, $5::uuid)) "
    "ORDER BY created_at DESC, note_id DESC LIMIT $6"
)
_PROMPTS: Final = (
    "SELECT prompt_id, client_id, event_id, schema_version, data FROM prompt WHERE tenant_id = $1 AND client_id = $2 "
    "AND ($3::timestamptz IS NULL OR at > $3) AND ($4::timestamptz IS NULL OR at <= $4) ORDER BY at, prompt_id"
)
_STREAMS: Final = (
    "SELECT stream, version, position, event_id, type, schema_version, data, meta, recorded_at FROM events "
    "WHERE tenant_id = $1 AND stream = ANY($2::text[]) ORDER BY stream, version"
)


class PostgresIndex:
    """`Index` over the service's own database."""

    def __init__(self, store: EventStore, project: Callable[[str, Event], tuple[Statement, ...]]) -> None:
        """`project`: what an event writes into the tables of every capability."""
        self._store, self._project = store, project

    async def knows_client(self, tenant: str, client_id: UUID) -> bool:
        return bool(await self._store.fetch(tenant, _KNOWS_CLIENT, tenant, client_id))

    async def session(self, tenant: str, session_id: UUID) -> SessionRow | None:
        rows = await self._store.fetch(tenant, _SESSION, tenant, session_id)
        return _session(rows[0]) if rows else None

    async def sessions_of(self, tenant: str, client_id: UUID, after: Position | None, limit: int) -> list[SessionRow]:
        rows = await self._store.fetch(tenant, _SESSIONS, tenant, client_id, *_after(after), limit)
        return [_session(row) for row in rows]

    async def last_held(self, tenant: str, client_id: UUID) -> datetime | None:
        (row,) = await self._store.fetch(tenant, _LAST_HELD, tenant, client_id)
        at: datetime | None = row["at"]
        return at

    async def neighbours(self, tenant: str, session: SessionRow) -> tuple[datetime | None, datetime | None]:
        args = (tenant, session.client_id, session.created_at, session.id)
        (row,) = await self._store.fetch(tenant, _NEIGHBOURS, *args)
        return row["before"], row["behind"]

    async def note(self, tenant: str, note_id: UUID) -> NoteRow | None:
        rows = await self._store.fetch(tenant, _NOTE, tenant, note_id)
        return _note(rows[0]) if rows else None

    async def notes_of(self, tenant: str, client_id: UUID, after: Position | None, limit: int) -> list[NoteRow]:
        rows = await self._store.fetch(tenant, _NOTES, tenant, client_id, *_after(after), limit)
        return [_note(row) for row in rows]

    async def notes_by(
        self, tenant: str, author: str, client_id: UUID | None, after: Position | None, limit: int
    ) -> list[NoteRow]:
        rows = await self._store.fetch(tenant, _NOTES_BY, tenant, author, client_id, *_after(after), limit)
        return [_note(row) for row in rows]

    async def prompts(self, tenant: str, client_id: UUID, after: datetime | None, until: datetime | None) -> list[PromptRow]:
        rows = await self._store.fetch(tenant, _PROMPTS, tenant, client_id, after, until)
        return [
            PromptRow(row["prompt_id"], row["client_id"], row["event_id"], row["schema_version"], bytes(row["data"]))
            for row in rows
        ]

    async def streams(self, tenant: str, names: Sequence[str]) -> dict[str, list[StoredEvent]]:
        found: dict[str, list[StoredEvent]] = {name: [] for name in names}
        for row in await self._store.fetch(tenant, _STREAMS, tenant, list(names)):
            found[row["stream"]].append(_event(tenant, row))
        return found

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        return self._project(tenant, event)

    def prompt_row(self, tenant: str, prompt: PromptRow, at: datetime) -> Statement:
        args = (tenant, prompt.prompt_id, prompt.client_id, prompt.event_id, prompt.schema_version, prompt.data, at)
        return Statement(_NEW_PROMPT, (*args, ERASURES_STREAM, str(KeyClass.MEASURES)))


def _after(position: Position | None) -> tuple[datetime | None, UUID | None]:
    return (position.created_at, position.id) if position else (None, None)


def _session(row: Mapping[str, Any]) -> SessionRow:
    return SessionRow(row["session_id"], row["client_id"], row["held"], row["created_at"], row["in_error"])


def _note(row: Mapping[str, Any]) -> NoteRow:
    kind = NoteKind(row["kind"])
    return NoteRow(row["note_id"], row["client_id"], row["session_id"], kind, row["author"], row["created_at"])


def _event(tenant: str, row: Mapping[str, Any]) -> StoredEvent:
    return StoredEvent(
        tenant=tenant,
        stream=row["stream"],
        version=row["version"],
        position=row["position"],
        event_id=row["event_id"],
        type=row["type"],
        schema_version=row["schema_version"],
        data=bytes(row["data"]),
        meta=bytes(row["meta"]),
        recorded_at=row["recorded_at"],
    )
