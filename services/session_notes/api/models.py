"""Bodies of requests: shape only; what must be true of them stands in the domain."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from services.session_notes.domain.clients import ClientIdentity, Identifier
from services.session_notes.domain.lookup import Wanted
from services.session_notes.domain.sections import LABELS, MAX_TEXT, NoteFormat
from services.session_notes.domain.sessions import Attendance, Modality, SessionDetails, SessionFormat
from services.session_notes.session_facts.api.bodies import ChangedMembers, FactsBody
from services.session_notes.session_facts.application.corrections import Correction
from shared.entry.text import Exact, Line, Lines
from shared.http.body import Body
from shared.http.problems import Fault, invalid
from shared.values.time import Day, Instant

MAX_MEMBERS: Final = 30
Words = Annotated[str, Line(200)]
Address = Annotated[str, Line(500)]
Id = Annotated[str, Exact(200)]
"""an identifier, or the `sub` of a person: kept as it is sent, or refused"""
Label = Annotated[str, Exact(32), WithJsonSchema({"type": "string", "enum": sorted(LABELS)})]
"""checked with the note, which knows what each label asks for"""
Sections = Annotated[dict[str, Annotated[str, Lines(MAX_TEXT, shortest=0)]], Field(min_length=1, max_length=100)]


class IdentifierBody(Body):
    system: Id
    value: Id


class ClientBody(Body):
    """A client at intake."""

    name: Words
    birth_date: Day | None
    """null where it is not known; it must be said"""
    identifiers: Annotated[tuple[IdentifierBody, ...], Field(max_length=20)] = ()
    pronouns: Words | None = None
    language: Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")] | None = None
    phone: Words | None = None
    email: Words | None = None
    address: Address | None = None

    def identity(self) -> ClientIdentity:
        return ClientIdentity(
            name=self.name,
            birth_date=self.birth_date,
            identifiers=tuple(Identifier(system=i.system, value=i.value) for i in self.identifiers),
            pronouns=self.pronouns,
            language=self.language,
            phone=self.phone,
            email=self.email,
            address=self.address,
        )


class IdentifierSearchBody(Body):
    value: Id
    system: Id | None = None
    """absent: of any system"""


class ClientSearchBody(Body):
    """Whom to look for: an identifier, a name, or both; whatever is given must agree. Words stand in the body, never in a URL."""

    name: Words | None = None
    birth_date: Day | None = None
    """with a name or an identifier: too many share one for it to stand alone"""
    identifier: IdentifierSearchBody | None = None

    def wanted(self) -> Wanted:
        """422 without a name and without an identifier."""
        if self.name is None and self.identifier is None:
            raise invalid([Fault("/name", "a name or an identifier: a date of birth alone is shared by too many")])
        number = self.identifier
        return Wanted(self.name, self.birth_date, number.value if number else None, number.system if number else None)


class SessionFactsBody(FactsBody):
    """A session as it took place, or was missed. Times carry their offset from UTC."""

    therapist_id: Id
    participants: Annotated[tuple[Words, ...], Field(max_length=50)] = ()
    started_at: Instant
    ended_at: Instant
    modality: Modality
    format: SessionFormat
    attendance: Attendance

    def details(self) -> SessionDetails:
        return SessionDetails.model_validate(
            {
                "participants": self.participants,
                "started_at": self.started_at,
                "ended_at": self.ended_at,
                "modality": self.modality,
                "format": self.format,
                "attendance": self.attendance,
                **self.facts(),
            }
        )


class SessionBody(SessionFactsBody):
    """A session that was held or missed."""

    client_id: UUID
    members: Annotated[tuple[UUID, ...], Field(max_length=MAX_MEMBERS)] = ()
    """client ids of the others of a couple, family or group who are clients here: each gets a record of their own"""

    @model_validator(mode="after")
    def _each_once(self) -> "SessionBody":
        if len({self.client_id, *self.members}) <= len(self.members):
            raise PydanticCustomError("members", "each client once, and client_id is not among the others")
        return self


class SessionCorrectionBody(SessionFactsBody, ChangedMembers):
    """All facts of a session as they should have been written down."""

    def correction(self) -> Correction:
        members = None if self.members is None else frozenset(self.members)
        return Correction(self.client_id, members, self.therapist_id, self.details(), self.reason)


class ProgressNoteBody(Body):
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
