"""Bodies of requests: shape only; what must be true of them stands in the domain."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, WithJsonSchema

from services.session_notes.notes.domain.notes import NoteType
from services.session_notes.notes.domain.sections import LABELS, MAX_TEXT, NoteFormat
from shared.entry.text import Exact, Line, Lines
from shared.http.body import Body

Label = Annotated[str, Exact(32), WithJsonSchema({"type": "string", "enum": sorted(LABELS)})]
"""checked with the note, which knows what each label asks for"""
Sections = Annotated[dict[str, Annotated[str, Lines(MAX_TEXT, shortest=0)]], Field(min_length=1, max_length=100)]


class ProgressNoteBody(Body):
    type: NoteType = NoteType.PROGRESS
    format: NoteFormat
    sections: Sections
    labels: Annotated[tuple[Label, ...], Field(max_length=20)] = ()


class PsychotherapyNoteBody(Body):
    """Sections by any lower_snake_case name, except what 45 CFR 164.501 keeps out."""

    sections: Sections


class NoteChangeBody(Body):
    """The whole new text of a draft."""

    sections: Sections
    format: NoteFormat | None = None
    """progress notes only; absent: as it was"""
    type: NoteType | None = None
    """progress notes only; absent: as it was"""
    labels: Annotated[tuple[Label, ...], Field(max_length=20)] | None = None
    """absent or as they are: relabelling is an action of its own"""


class AddendumBody(Body):
    text: Annotated[str, Lines(20_000)]


class SearchBody(Body):
    """Words to find in your own notes. They travel in the body: a URL ends up in logs."""

    words: Annotated[str, Line(200, shortest=2)]
    """each begins a word of the note, in any case; all must be there"""
    client_id: UUID | None = None
    """absent: of all your clients"""


class SignatureBody(Body):
    """Nothing to say: the token tells who signs. The body may be empty."""
