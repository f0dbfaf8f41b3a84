"""Given a note's events, when a command comes, then one event or a refusal."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.desk.domain.refusals import NotTheAuthor, Refused, Unfit, WrongState
from services.session_notes.notes.domain import note_decisions as decide
from services.session_notes.notes.domain.notes import (
    Note,
    NoteContent,
    NoteEvent,
    NoteStatus,
    NoteType,
    ProgressNoteAddendum,
    ProgressNoteCosigned,
    ProgressNoteDrafted,
    ProgressNoteRevised,
    ProgressNoteSigned,
    PsychotherapyNoteAddendum,
    PsychotherapyNoteCosigned,
    PsychotherapyNoteDrafted,
    PsychotherapyNoteSigned,
    Recorded,
    evolve,
)
from services.session_notes.notes.domain.sections import NoteFormat
from shared.contracts.records import KeyClass
from shared.sealing.event import sealed_fields

NOTE, CLIENT, SESSION = (UUID(int=n) for n in (1, 2, 3))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FULL = decide.progress_content(NoteFormat.DAP, {"data": "d", "assessment": "a", "plan": "p"}, ("SUD",))
HALF = decide.progress_content(NoteFormat.DAP, {"data": "d"}, ())
PRIVATE = decide.psychotherapy_content({"transference": "t"})


def drafted(content: NoteContent = FULL, kind: NoteKind = NoteKind.PROGRESS) -> NoteEvent:
    return decide.draft(kind, content, note_id=NOTE, client_id=CLIENT, session_id=SESSION, held=True, by="author", at=NOW)


def given(*events: NoteEvent) -> Note:
    note: Note | None = None
    for version, event in enumerate(events, start=1):
        note = evolve(note, Recorded(event, version, f"digest-{version}"))
    assert note is not None
    return note


def later(note: Note, command: Callable[[Note], NoteEvent]) -> Note:
    return evolve(note, Recorded(command(note), note.version + 1, f"digest-{note.version + 1}"))


def signed(note: Note) -> Note:
    return later(note, lambda n: decide.sign(n, by="author", at=NOW))


def test_a_draft_is_a_draft_with_its_author() -> None:
    note = given(drafted())
    assert (note.status, note.author, note.version, note.content_digest) == (NoteStatus.DRAFT, "author", 1, "digest-1")


def test_the_author_revises_a_draft() -> None:
    event = decide.revise(given(drafted(HALF)), FULL, by="author", at=NOW + timedelta(minutes=1))
    assert isinstance(event, ProgressNoteRevised)
    note = given(drafted(HALF), event)
    assert note.content.value == FULL
    assert (note.content_version, note.content_digest, note.updated_at) == (2, "digest-2", event.at)
    assert note.created_at == NOW


def test_a_signature_names_the_very_event_that_holds_the_text() -> None:
    revised = decide.revise(given(drafted(HALF)), FULL, by="author", at=NOW)
    event = decide.sign(given(drafted(HALF), revised), by="author", at=NOW)
    assert isinstance(event, ProgressNoteSigned)
    assert (event.of_version, event.digest, event.by) == (2, "digest-2", "author")


def test_a_note_with_an_empty_section_may_be_signed() -> None:
    assert isinstance(decide.sign(given(drafted(HALF)), by="author", at=NOW), ProgressNoteSigned)


def test_a_supervisor_cosigns_once_it_is_signed() -> None:
    note = signed(given(drafted()))
    event = decide.cosign(note, by="supervisor", at=NOW)
    after = evolve(note, Recorded(event, 3, "digest-3"))
    assert after.status is NoteStatus.COSIGNED
    assert [s.by for s in after.cosignatures] == ["supervisor"]
    assert [s.by for s in after.signatures] == ["author"]
    with pytest.raises(WrongState, match="already"):
        decide.cosign(after, by="supervisor", at=NOW)


@pytest.mark.parametrize(
    ("note", "by"),
    [
        pytest.param(given(drafted()), "supervisor", id="a draft"),
        pytest.param(signed(given(drafted())), "author", id="the author"),
        pytest.param(signed(given(drafted(PRIVATE, NoteKind.PSYCHOTHERAPY))), "author", id="the author of the other kind"),
    ],
)
def test_no_cosignature_on(note: Note, by: str) -> None:
    with pytest.raises(WrongState):
        decide.cosign(note, by=by, at=NOW)


def test_addenda_come_after_the_signature_and_keep_the_status() -> None:
    with pytest.raises(WrongState, match="draft"):
        decide.add_addendum(given(drafted()), "more", by="author", at=NOW)
    note = later(signed(given(drafted())), lambda n: decide.add_addendum(n, "more", by="author", at=NOW))
    assert note.status is NoteStatus.SIGNED
    assert [a.text.value for a in note.addenda] == ["more"]
    assert note.content_digest == "digest-1"


@pytest.mark.parametrize("text", ["", "  \n", "x" * (decide.MAX_ADDENDUM + 1)])
def test_an_addendum_says_something_of_fit_length(text: str) -> None:
    with pytest.raises(Unfit):
        decide.add_addendum(signed(given(drafted())), text, by="author", at=NOW)


COMMANDS: dict[str, Callable[[Note, str], NoteEvent]] = {
    "revise": lambda note, by: decide.revise(note, FULL, by=by, at=NOW),
    "sign": lambda note, by: decide.sign(note, by=by, at=NOW),
    "addendum": lambda note, by: decide.add_addendum(note, "more", by=by, at=NOW),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("note", [given(drafted()), signed(given(drafted()))], ids=["draft", "signed"])
def test_only_the_author_writes(command: str, note: Note) -> None:
    with pytest.raises(NotTheAuthor):
        COMMANDS[command](note, "somebody-else")


@pytest.mark.parametrize("command", ["revise", "sign"])
def test_a_signed_note_stays_as_it_is(command: str) -> None:
    with pytest.raises(WrongState):
        COMMANDS[command](signed(given(drafted())), "author")


def test_the_two_kinds_are_sealed_under_two_classes() -> None:
    assert set(sealed_fields(ProgressNoteDrafted).values()) == {KeyClass.PROGRESS_NOTE}
    assert set(sealed_fields(ProgressNoteAddendum).values()) == {KeyClass.PROGRESS_NOTE}
    assert set(sealed_fields(PsychotherapyNoteDrafted).values()) == {KeyClass.PSYCHOTHERAPY_NOTE}
    assert set(sealed_fields(PsychotherapyNoteAddendum).values()) == {KeyClass.PSYCHOTHERAPY_NOTE}
    assert NoteKind.PROGRESS.stream(NOTE) != NoteKind.PSYCHOTHERAPY.stream(NOTE)


def test_each_kind_writes_its_own_events() -> None:
    note = given(drafted(PRIVATE, NoteKind.PSYCHOTHERAPY))
    event = decide.sign(note, by="author", at=NOW)
    assert isinstance(event, PsychotherapyNoteSigned)
    assert isinstance(decide.cosign(signed(note), by="training-supervisor", at=NOW), PsychotherapyNoteCosigned)
    with pytest.raises(NotTheAuthor):
        decide.sign(note, by="somebody-else", at=NOW)


def test_a_missed_session_has_progress_notes_only() -> None:
    def write(kind: NoteKind, content: NoteContent) -> NoteEvent:
        return decide.draft(kind, content, note_id=uuid4(), client_id=CLIENT, session_id=SESSION, held=False, by="author", at=NOW)

    assert isinstance(write(NoteKind.PROGRESS, FULL), ProgressNoteDrafted)
    with pytest.raises(WrongState, match="progress note"):
        write(NoteKind.PSYCHOTHERAPY, PRIVATE)


def test_revising_keeps_format_and_labels_unless_the_format_is_named() -> None:
    note = given(drafted())
    same = decide.revised_content(note, FULL, format=None, sections={"data": "new"}, labels=None)
    sections = {"data": "new", "assessment": "", "plan": ""}
    assert same == NoteContent(format=NoteFormat.DAP, type=NoteType.PROGRESS, sections=sections, labels=("SUD",))
    other = decide.revised_content(note, FULL, format=NoteFormat.NARRATIVE, sections={"narrative": "n"}, labels=("SUD",))
    assert (other.format, other.labels) == (NoteFormat.NARRATIVE, ("SUD",))
    with pytest.raises(Unfit) as refusal:
        decide.revised_content(note, FULL, format=None, sections={"data": "new"}, labels=())
    assert [flaw.pointer for flaw in refusal.value.flaws] == ["/labels"]


def test_revising_a_psychotherapy_note_keeps_out_what_the_first_text_had_to_keep_out() -> None:
    note = given(drafted(PRIVATE, NoteKind.PSYCHOTHERAPY))
    for attempt in ({"diagnosis": "x"}, {"transference": ""}):
        with pytest.raises(Unfit):
            decide.revised_content(note, PRIVATE, format=None, sections=attempt, labels=None)
    with pytest.raises(Unfit):
        decide.revised_content(note, PRIVATE, format=NoteFormat.SOAP, sections={"transference": "t"}, labels=None)


def test_a_stream_begins_with_a_draft() -> None:
    orphan = ProgressNoteCosigned(client_id=CLIENT, note_id=NOTE, of_version=1, digest="d", by="s", at=NOW)
    with pytest.raises(ValueError, match="begins"):
        evolve(None, Recorded(orphan, 1, "d"))


def test_refusals_never_quote_the_note() -> None:
    canary = "the kite is stuck"
    with pytest.raises(Refused) as refusal:
        decide.progress_content(NoteFormat.DAP, {"data": canary, canary: canary}, (canary,))
    assert canary not in str(refusal.value) + repr(getattr(refusal.value, "flaws", ""))
