"""Whatever commands come, by whomever and in whatever order: a signed text never changes, and no version is lost.

The commands go to the deciders; what they accept is sealed and stored as events, and the note is folded from these events alone.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.desk.domain.refusals import Refused
from services.session_notes.notes.application.notes import fold
from services.session_notes.notes.domain import note_decisions as decide
from services.session_notes.notes.domain.events import EVENT_TYPES
from services.session_notes.notes.domain.notes import Drafted, Note, NoteContent, NoteEvent, NoteStatus, Revised
from services.session_notes.notes.domain.sections import NoteFormat
from shared.contracts.disclosure import RecordKey
from shared.contracts.records import KeyClass
from shared.eventstore.model import StoredEvent
from shared.sealing.event import seal

NOTE, CLIENT, SESSION = UUID(int=1), UUID(int=2), UUID(int=3)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
AUTHOR = "lena.marsh"
COMMANDS = ("revise", "section", "sign", "cosign", "return", "addendum", "in error")
Step = tuple[str, str, str]
_steps = st.lists(
    st.tuples(st.sampled_from(COMMANDS), st.sampled_from((AUTHOR, AUTHOR, "sam.okoye", "another")), st.text("abc", min_size=1)),
    max_size=16,
)


def written(kind: NoteKind, text: str) -> NoteContent:
    if kind is NoteKind.PROGRESS:
        return decide.progress_content(NoteFormat.SOAP, {"subjective": text}, ())
    return decide.psychotherapy_content({"process": text})


def decided(note: Note, step: Step, key: RecordKey, at: datetime) -> NoteEvent:
    """The event that the command makes. Refused where the note does not allow it."""
    command, by, text = step
    match command:
        case "revise":
            return decide.revise(note, written(note.kind, text), by=by, at=at)
        case "section":
            section = "plan" if note.kind is NoteKind.PROGRESS else "process"
            return decide.revise(note, decide.revised_section(note, note.content.open(key), section, text), by=by, at=at)
        case "sign":
            return decide.sign(note, by=by, at=at)
        case "cosign":
            return decide.cosign(note, by=by, at=at)
        case "return":
            return decide.return_to_author(note, text, by=by, at=at)
        case "addendum":
            return decide.add_addendum(note, text, by=by, at=at)
        case _:
            return decide.enter_in_error(note, text, by=by, at=at)


class Chart:
    """One note with its stream, and what was said to it."""

    def __init__(self, kind: NoteKind) -> None:
        key_class = KeyClass.PROGRESS_NOTE if kind is NoteKind.PROGRESS else KeyClass.PSYCHOTHERAPY_NOTE
        self.key = RecordKey(record_id=str(NOTE), key_class=key_class, kid="k1", key=bytes(range(32)))
        self.stream: list[StoredEvent] = []
        self.texts: dict[int, NoteContent] = {}
        """what was written, by version"""
        self.signed: tuple[int, NoteContent] | None = None
        self.added: list[str] = []
        first = written(kind, "begun")
        draft = decide.draft(kind, first, note_id=NOTE, client_id=CLIENT, session_id=SESSION, held=True, by=AUTHOR, at=START)
        self._store(draft)

    def _store(self, event: NoteEvent) -> None:
        version = len(self.stream) + 1
        if isinstance(event, Drafted | Revised):
            self.texts[version] = event.content.value
        event_id = UUID(int=100 + version)
        data = seal(event, tenant="haven", event_id=event_id, key=self.key, random=lambda n: bytes(n))
        self.stream.append(
            StoredEvent("haven", "s", version, version, event_id, event.TYPE, event.SCHEMA_VERSION, data, b"{}", START)
        )

    def do(self, step: Step) -> None:
        note = fold(self.stream)
        try:
            event = decided(note, step, self.key, START + timedelta(minutes=len(self.stream)))
        except Refused:
            return
        assert note.status is not NoteStatus.ENTERED_IN_ERROR, "a note that was entered in error takes nothing more"
        self._store(event)
        if step[0] == "sign":
            self.signed = max(self.texts.items())
        if step[0] == "addendum":
            self.added.append(step[2])

    def check(self) -> None:
        note = fold(self.stream)
        assert note.version == len(self.stream)
        for version, text in self.texts.items():
            one = self.stream[version - 1]
            event = EVENT_TYPES.load(
                tenant=one.tenant, event_type=one.type, schema_version=one.schema_version, event_id=one.event_id, data=one.data
            )
            assert isinstance(event, Drafted | Revised)
            assert event.content.open(self.key) == text, "every version says what was written then"
        assert [a.text.open(self.key) for a in note.addenda] == self.added
        if self.signed is not None:
            version, text = self.signed
            digest = sha256(self.stream[version - 1].data).hexdigest()
            assert note.content.open(self.key) == text, "what was signed is what is read"
            assert {s.digest for s in (*note.signatures, *note.cosignatures)} == {digest}


@settings(deadline=None)
@given(kind=st.sampled_from(NoteKind), steps=_steps)
def test_a_signed_text_never_changes_and_no_version_is_lost(kind: NoteKind, steps: list[Step]) -> None:
    chart = Chart(kind)
    for step in steps:
        chart.do(step)
        chart.check()
