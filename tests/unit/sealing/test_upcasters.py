"""Old versions become today's by a chain of pure steps; what is sealed passes through closed and still opens."""

from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID, uuid4

import pytest

from shared.contracts.disclosure import RecordKey
from shared.contracts.records import KeyClass
from shared.sealing.event import Event, EventTypes, Upcaster, seal
from shared.sealing.field import Sealed
from shared.service.clock import random

CLIENT, NOTE = uuid4(), uuid4()
KEY = RecordKey(record_id=str(NOTE), key_class=KeyClass.PROGRESS_NOTE, kid="k1", key=bytes(32))


class NoteWrittenV1(Event):
    TYPE: ClassVar[str] = "test.note-written"
    RECORD: ClassVar[str] = "note_id"
    note_id: UUID
    text: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]
    writer: str


class NoteWrittenV3(Event):
    TYPE: ClassVar[str] = "test.note-written"
    SCHEMA_VERSION: ClassVar[int] = 3
    RECORD: ClassVar[str] = "note_id"
    note_id: UUID
    words: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]
    by: str
    at: datetime | None


def _renamed(data: dict[str, Any]) -> dict[str, Any]:
    """1 → 2: `writer` is called `by`, `text` is called `words`."""
    return {**{k: v for k, v in data.items() if k not in ("writer", "text")}, "by": data["writer"], "words": data["text"]}


def _timed(data: dict[str, Any]) -> dict[str, Any]:
    """2 → 3: the time is kept; of what was written before it is not known."""
    return {**data, "at": None}


UPCASTERS: dict[tuple[str, int], Upcaster] = {("test.note-written", 1): _renamed, ("test.note-written", 2): _timed}


def test_the_first_version_is_read_through_the_whole_chain() -> None:
    event_id = uuid4()
    old = NoteWrittenV1(client_id=CLIENT, note_id=NOTE, text=Sealed("as it was said"), writer="sam.okoye")
    data = seal(old, tenant="haven", event_id=event_id, key=KEY, random=random)
    types = EventTypes(NoteWrittenV3, upcasters=UPCASTERS)
    event = types.load(tenant="haven", event_type="test.note-written", schema_version=1, event_id=event_id, data=data)
    assert isinstance(event, NoteWrittenV3)
    assert (event.by, event.at) == ("sam.okoye", None)
    assert not event.words.is_open
    assert event.words.open(KEY) == "as it was said", "it is bound to the version and field it was written under"


def test_a_version_in_between_takes_the_rest_of_the_chain_only() -> None:
    data = b'{"client_id":"%b","note_id":"%b","by":"sam.okoye","words":{"$enc":"c1","kid":"k1","ct":"AAAA"}}' % (
        str(CLIENT).encode(),
        str(NOTE).encode(),
    )
    types = EventTypes(NoteWrittenV3, upcasters=UPCASTERS)
    event = types.load(tenant="haven", event_type="test.note-written", schema_version=2, event_id=uuid4(), data=data)
    assert isinstance(event, NoteWrittenV3) and event.by == "sam.okoye"


def test_a_newer_version_than_this_release_knows_is_not_guessed_at() -> None:
    types = EventTypes(NoteWrittenV3, upcasters=UPCASTERS)
    with pytest.raises(KeyError, match="version 4"):
        types.load(tenant="haven", event_type="test.note-written", schema_version=4, event_id=uuid4(), data=b"{}")


@pytest.mark.parametrize("missing", [1, 2])
def test_a_chain_with_a_gap_is_refused_at_the_start(missing: int) -> None:
    with pytest.raises(TypeError, match=f"no upcaster from version {missing}"):
        EventTypes(NoteWrittenV3, upcasters={k: v for k, v in UPCASTERS.items() if k[1] != missing})
