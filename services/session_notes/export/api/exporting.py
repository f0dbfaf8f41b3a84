"""`/v1/clients/{id}/export/notes`: this service's part of an export, between services; `ehr_gateway` puts the parts together."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.clients.api.views import client_view
from services.session_notes.clients.application.clients import client_of
from services.session_notes.desk.api.surface import Surface
from services.session_notes.desk.application.loading import load
from services.session_notes.desk.application.ports import Desk, NoteRow, Position, SessionRow, client_stream, session_stream
from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.notes.api.views import note_view
from services.session_notes.notes.application.notes import fold
from services.session_notes.notes.application.reading import read_of as note_of
from services.session_notes.notes.domain.events import EVENT_TYPES
from services.session_notes.notes.domain.notes import Drafted, Revised
from services.session_notes.sessions.api.views import session_view
from services.session_notes.sessions.application.sessions import read_of as session_of
from shared.contracts.disclosure import MAX_RECORDS, RecordRef
from shared.contracts.records import RecordType, ServiceName
from shared.eventstore.model import StoredEvent
from shared.export.serving import Exporter, PublicKeyBody, Records, Source, together
from shared.gate.ask import Opened
from shared.http.body import documented, read_json
from shared.http.call import path_id
from shared.http.showing import shown
from shared.identity.roles import Role
from shared.service.amendments import Along

EARLIER: Final = "earlier_version_of_a_note"


def export_routes(surface: Surface, course: Sequence[Source]) -> APIRouter:
    router = APIRouter(tags=["clients"])
    desk = surface.desk
    progress, private = NotesSource(desk, NoteKind.PROGRESS), NotesSource(desk, NoteKind.PSYCHOTHERAPY)
    sources: tuple[Source, ...] = (ClientSource(desk), SessionsSource(desk), progress, private, *course)
    exporter = Exporter(ServiceName.SESSION_NOTES, desk.gate, sources, desk.parts.now)

    @router.post("/v1/clients/{client_id}/export/notes", openapi_extra=documented(PublicKeyBody))
    async def export(request: Request, client_id: str) -> Response:
        """Identity, sessions and notes, sealed for the key. Part of `POST /v1/clients/{id}/export`, which a caller uses."""
        call = surface.call(request)
        body, _ = await read_json(request, PublicKeyBody)
        return await exporter.answer(call, path_id(client_id), body)

    return router


@dataclass(frozen=True, slots=True)
class ClientSource:
    desk: Desk
    record_type: RecordType = RecordType.CLIENT

    async def refs(self, tenant: str, client_id: UUID) -> list[RecordRef]:
        if not await self.desk.index.knows_client(tenant, client_id):
            return []
        return [RecordRef(record_id=str(client_id), client_id=str(client_id), record_type=self.record_type)]

    async def records(self, tenant: str, client_id: UUID, refs: Sequence[RecordRef], opened: Opened) -> Records:
        if refs:
            stored = await self.desk.store.read_stream(tenant, client_stream(client_id))
            yield "client", shown(client_id, lambda: client_view(client_of(stored, opened), opened))


@dataclass(frozen=True, slots=True)
class SessionsSource:
    desk: Desk
    record_type: RecordType = RecordType.SESSION

    async def refs(self, tenant: str, client_id: UUID) -> list[RecordRef]:
        rows: list[SessionRow] = []
        while page := await self.desk.index.sessions_of(tenant, client_id, _after(rows), MAX_RECORDS):
            rows += page
        return [row.ref for row in reversed(rows)]

    async def records(self, tenant: str, client_id: UUID, refs: Sequence[RecordRef], opened: Opened) -> Records:
        async for session_id, stored in _streams(self.desk, tenant, refs, session_stream):
            yield "session", shown(session_id, partial(_session, stored, opened))


@dataclass(frozen=True, slots=True)
class NotesSource:
    """Notes of one kind with their addenda, and what a note said before it was changed."""

    desk: Desk
    kind: NoteKind

    @property
    def record_type(self) -> RecordType:
        return self.kind.record_type

    async def refs(self, tenant: str, client_id: UUID) -> list[RecordRef]:
        rows: list[NoteRow] = []
        while page := await self.desk.index.notes_of(tenant, client_id, _after(rows), MAX_RECORDS):
            rows += page
        return [row.ref for row in reversed(rows) if row.kind is self.kind]

    async def records(self, tenant: str, client_id: UUID, refs: Sequence[RecordRef], opened: Opened) -> Records:
        amended = await self.desk.amendments.along(tenant, refs)
        async for note_id, stored in _streams(self.desk, tenant, refs, self.kind.stream):
            item = shown(note_id, partial(_note, stored, opened, amended))
            yield str(self.record_type), item
            if "not_shown" not in item and not opened.erased(note_id) and not opened.redactions(note_id):
                for earlier in _earlier(stored, fold(stored).content_version, opened):
                    yield EARLIER, earlier


def _session(stored: list[StoredEvent], opened: Opened) -> dict[str, Any]:
    # the copy is the client's, whoever fetches it for them
    return session_view(session_of(stored, opened), opened, to=Role.CLIENT)


def _note(stored: list[StoredEvent], opened: Opened, amended: Along) -> dict[str, Any]:
    view = note_view(note_of(fold(stored), opened, amended), opened)
    return {"note_type": view.pop("type"), **view}  # `type` says of each record of an export what it is


def _earlier(stored: Sequence[StoredEvent], current: int, opened: Opened) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for one in stored:
        event = load(EVENT_TYPES, one)
        if isinstance(event, Drafted | Revised) and one.version != current:
            content = event.content.open(opened.key(event.note_id))
            about = {"note_id": str(event.note_id), "version": one.version, "by": event.by, "at": event.at}
            found.append({**about, **content.model_dump(mode="json", exclude={"labels", "type"})})
    return found


async def _streams(
    desk: Desk, tenant: str, refs: Sequence[RecordRef], stream: Callable[[UUID], str]
) -> AsyncIterator[tuple[UUID, list[StoredEvent]]]:
    """Events of each record, a few records at a time."""
    for some in together(refs):
        names = {UUID(ref.record_id): stream(UUID(ref.record_id)) for ref in some}
        found = await desk.index.streams(tenant, list(names.values()))
        for record_id, name in names.items():
            yield record_id, found[name]


def _after(rows: Sequence[SessionRow] | Sequence[NoteRow]) -> Position | None:
    return Position(rows[-1].created_at, rows[-1].id) if rows else None
