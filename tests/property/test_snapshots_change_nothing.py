"""A note from a snapshot and what follows it is the note of its whole stream, wherever the snapshot stands."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from infra.contracts.catalogue import written_today
from infra.contracts.golden import file_of
from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.notes.application.notes import SNAPSHOTS, fold
from services.session_notes.notes.domain import note_decisions as decide
from services.session_notes.notes.domain.notes import Note, NoteContent, NoteEvent
from services.session_notes.notes.domain.sections import NoteFormat
from shared.contracts.disclosure import RecordKey
from shared.contracts.records import KeyClass
from shared.eventstore.model import StoredEvent
from shared.sealing.event import Event, seal
from shared.sealing.state import dump_closed, load_closed

NOTE, CLIENT, SESSION = (UUID(int=n) for n in (1, 2, 3))
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
FORM: TypeAdapter[Note] = TypeAdapter(Note)
PINNED: dict[int, dict[NoteKind, str]] = {
    1: {NoteKind.PROGRESS: "e120ea6411074613", NoteKind.PSYCHOTHERAPY: "7b6698990fefd2e3"},
    2: {NoteKind.PROGRESS: "9a70c2ec5fca0e51", NoteKind.PSYCHOTHERAPY: "3978f31cd3850788"},
}

Step = tuple[str, str]
_words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(str.strip)
_before = st.lists(st.tuples(st.just("revise"), _words), max_size=12)
_behind = st.lists(st.sampled_from(["cosign", "addendum"]).flatmap(lambda s: st.tuples(st.just(s), _words)), max_size=6)
_steps = st.one_of(_before, st.builds(lambda a, w, b: [*a, ("sign", w), *b], _before, _words, _behind))


def key(kind: NoteKind) -> RecordKey:
    key_class = KeyClass.PROGRESS_NOTE if kind is NoteKind.PROGRESS else KeyClass.PSYCHOTHERAPY_NOTE
    return RecordKey(record_id=str(NOTE), key_class=key_class, kid="k1", key=bytes(range(32)))


def content(kind: NoteKind, words: str) -> NoteContent:
    if kind is NoteKind.PROGRESS:
        return decide.progress_content(NoteFormat.SOAP, {"subjective": words}, ())
    return decide.psychotherapy_content({"dreams": words})


def event_of(kind: NoteKind, note: Note | None, step: Step, version: int) -> NoteEvent:
    at, (what, words) = START + timedelta(minutes=version), step
    if note is None:
        first = content(kind, words)
        return decide.draft(kind, first, note_id=NOTE, client_id=CLIENT, session_id=SESSION, held=True, by="author", at=at)
    match what:
        case "revise":
            return decide.revise(note, content(kind, words), by="author", at=at)
        case "sign":
            return decide.sign(note, by="author", at=at)
        case "cosign":
            return decide.cosign(note, by=f"supervisor-{version}", at=at)
        case _:
            return decide.add_addendum(note, words, by="author", at=at)


def stored(event: Event, version: int, record_key: RecordKey | None) -> StoredEvent:
    event_id = UUID(int=100 + version)
    data = seal(event, tenant="haven", event_id=event_id, key=record_key, random=lambda n: bytes(n))
    return StoredEvent("haven", "s", version, version, event_id, event.TYPE, event.SCHEMA_VERSION, data, b"{}", START)


def stream_of(kind: NoteKind, steps: Sequence[Step]) -> list[StoredEvent]:
    stream: list[StoredEvent] = []
    for version, step in enumerate([("draft", "begun"), *steps], start=1):
        note = fold(stream) if stream else None
        stream.append(stored(event_of(kind, note, step, version), version, key(kind)))
    return stream


def kept(note: Note) -> bytes:
    return dump_closed(note, tenant="haven", client_id=CLIENT)


@given(kind=st.sampled_from(NoteKind), steps=_steps)
def test_the_note_is_the_same_wherever_a_snapshot_stands(kind: NoteKind, steps: list[Step]) -> None:
    stream = stream_of(kind, steps)
    whole = fold(stream)
    for cut in range(1, len(stream) + 1):
        data = kept(fold(stream[:cut]))
        snapshot = load_closed(FORM, data, tenant="haven", client_id=CLIENT)
        assert kept(snapshot) == data
        after = fold(stream[cut:], snapshot)
        assert kept(after) == kept(whole)
        assert after.content.open(key(kind)) == whole.content.open(key(kind))
        assert [a.text.open(key(kind)) for a in after.addenda] == [w for what, w in steps if what == "addendum"]
        assert (after.content_digest, after.signatures, after.cosignatures) == (
            whole.content_digest,
            whole.signatures,
            whole.cosignatures,
        )


@given(kind=st.sampled_from(NoteKind), word=st.text("αβγδεζηθικλμν", min_size=4, max_size=20))
def test_no_word_of_a_note_stands_in_its_snapshot(kind: NoteKind, word: str) -> None:
    stream = stream_of(kind, [("revise", word), ("sign", word), ("addendum", word)])
    assert word.encode() not in kept(fold(stream))


@pytest.mark.parametrize("kind", sorted(NoteKind))
def test_who_changes_what_a_note_is_folded_to_raises_the_fold_version(kind: NoteKind) -> None:
    """Else a snapshot of the release before would go on as if nothing had changed."""
    stream = []
    steps = ("drafted", "revised", "revised", "signed", "cosigned", "cosigned", "addendum", "addendum")
    for version, step in enumerate(steps, start=1):
        (written,) = [w for w in written_today() if w.type == f"session-notes.{kind}-note-{step}" and w.event is not None]
        first = file_of(written).with_name(f"{written.type}.v1.json")
        golden: dict[str, Any] = json.loads(first.read_text())
        data = json.dumps(golden["data"], sort_keys=True).encode()
        event_id, at = UUID(golden["event_id"]), START
        stream.append(StoredEvent("golden", "s", version, version, event_id, written.type, 1, data, b"{}", at))
    note = fold(stream)
    state = dump_closed(note, tenant="golden", client_id=note.client_id)
    assert sha256(state).hexdigest()[:16] == PINNED[SNAPSHOTS.fold_version][kind], (
        "the same events are folded to another state: raise `fold_version` of SNAPSHOTS, and pin its digest here"
    )
