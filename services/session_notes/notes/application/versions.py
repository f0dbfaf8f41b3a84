"""Every version of a note, and the note as it stood at a version or a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.session_notes.desk.application.loading import load
from services.session_notes.desk.application.ports import Desk
from services.session_notes.notes.application.notes import fold, note_row
from services.session_notes.notes.application.reading import NoteRead, read_of
from services.session_notes.notes.domain.events import EVENT_TYPES
from services.session_notes.notes.domain.notes import (
    Addendum,
    Cosigned,
    Drafted,
    InError,
    NoteContent,
    NoteEvent,
    ProgressNoteReturned,
    Revised,
    Signed,
)
from shared.contracts.disclosure import Action
from shared.entry.json_text import LARGEST_INTEGER
from shared.entry.numbers import whole_number
from shared.eventstore.model import StoredEvent
from shared.gate.ask import Opened, open_one
from shared.http.call import Call
from shared.http.problems import Fault, invalid
from shared.identity.roles import Role
from shared.sealing.field import Sealed
from shared.values.time import parse_instant

AT: Final = "the number of a version, or an instant with its zone: at or after the first version"

_WORDS: Final[Mapping[Any, str]] = {
    Drafted: "drafted",
    Revised: "revised",
    Signed: "signed",
    Cosigned: "cosigned",
    Addendum: "addendum",
    ProgressNoteReturned: "returned",
    InError: "entered_in_error",
}


@dataclass(frozen=True, slots=True)
class Version:
    number: int
    what: str
    by: str
    at: datetime


def moment(text: str) -> int | datetime:
    """What `?at=` says. ValueError."""
    try:
        return whole_number(text, 1, LARGEST_INTEGER) if text.isdigit() else parse_instant(text)
    except ValueError:
        raise ValueError(AT) from None


async def note_versions(desk: Desk, call: Call, note_id: UUID) -> tuple[list[Version], Opened]:
    """Oldest first, of a note that the caller may read now; none of their words."""
    row = await note_row(desk, call, note_id, Action.READ)
    opened = await open_one(desk.gate, call, Action.READ, row.ref)
    return [_version(one) for one in await desk.store.read_stream(call.tenant, row.stream)], opened


async def read_note_at(desk: Desk, call: Call, note_id: UUID, at: int | datetime) -> tuple[NoteRead, Opened]:
    """The note as it stood then, with what is amended today. Who may read it today decides. 422 before its first version, or
    after its newest; for a client also before its signature: what was typed until then is its author's draft."""
    row = await note_row(desk, call, note_id, Action.READ)
    opened = await open_one(desk.gate, call, Action.READ, row.ref)
    stored = await desk.store.read_stream(call.tenant, row.stream)
    until = [one for one in stored if _is_there(one, at)]
    drafts = call.principal.role in (Role.CLIENT, Role.REPRESENTATIVE) and not _signed(until) and _signed(stored)
    if not until or drafts or (isinstance(at, int) and at > len(stored)):
        problem = invalid([Fault("?at", AT)])
        problem.headers.update(opened.headers)
        raise problem
    return read_of(fold(until), opened, await desk.amendments.along(call.tenant, [row.ref])), opened


def content_at(stored: Sequence[StoredEvent], version: int) -> Sealed[NoteContent] | None:
    """What the note said at that version, closed."""
    until = [one for one in stored if one.version <= version]
    return fold(until).content if until else None


def _signed(stored: Sequence[StoredEvent]) -> bool:
    return any(isinstance(_event(one), Signed) for one in stored)


def _is_there(one: StoredEvent, at: int | datetime) -> bool:
    return one.version <= at if isinstance(at, int) else _event(one).at <= at


def _version(one: StoredEvent) -> Version:
    event = _event(one)
    return Version(one.version, _what(event), event.by, event.at)


def _what(event: NoteEvent) -> str:
    for kind, word in _WORDS.items():
        if isinstance(event, kind):
            return word
    raise TypeError(type(event).__name__)


def _event(one: StoredEvent) -> NoteEvent:
    event = load(EVENT_TYPES, one)
    assert isinstance(event, NoteEvent)
    return event
