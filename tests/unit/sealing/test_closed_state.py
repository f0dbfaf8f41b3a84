"""What may be kept of a folded state: ciphertext with its place, nothing that a key would be asked for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

import orjson
import pytest
from pydantic import BaseModel, TypeAdapter

from shared.contracts.disclosure import RecordKey
from shared.contracts.records import KeyClass
from shared.sealing.errors import CannotOpen, CannotSeal, NotOpened
from shared.sealing.event import Event, EventTypes, seal
from shared.sealing.field import Sealed
from shared.sealing.state import dump_closed, load_closed

CLIENT, RECORD, EVENT = (UUID(int=n) for n in (1, 2, 3))
KEY = RecordKey(record_id=str(RECORD), key_class=KeyClass.PROGRESS_NOTE, kid="k1", key=bytes(range(32)))


class Said(Event):
    TYPE: ClassVar[str] = "test.said"
    RECORD: ClassVar[str] = "note_id"
    note_id: UUID
    words: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


class Place(BaseModel):
    room: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    said: tuple[Sealed[str], ...]
    place: Place
    by: dict[str, UUID]
    note: Sealed[str] | None = None


FORM: TypeAdapter[Kept] = TypeAdapter(Kept)


def closed(words: str, *, client: UUID = CLIENT, tenant: str = "haven") -> Sealed[str]:
    event = Said(client_id=client, note_id=RECORD, words=Sealed(words))
    data = seal(event, tenant=tenant, event_id=EVENT, key=KEY, random=lambda n: bytes(n))
    loaded = EventTypes(Said).load(tenant=tenant, event_type=Said.TYPE, schema_version=1, event_id=EVENT, data=data)
    assert isinstance(loaded, Said)
    return loaded.words


def kept(*said: Sealed[str]) -> Kept:
    return Kept(said, Place(room="north", since=datetime(2026, 3, 1, tzinfo=UTC)), {"author": RECORD})


def dumped(state: Any) -> bytes:
    return dump_closed(state, tenant="haven", client_id=CLIENT)


def test_what_was_kept_is_what_it_was_and_opens_by_its_key() -> None:
    state = replace(kept(closed("a kingfisher"), closed("a heron")), note=closed("a wren"))
    data = dumped(state)
    again = load_closed(FORM, data, tenant="haven", client_id=CLIENT)
    assert [s.open(KEY) for s in again.said] == ["a kingfisher", "a heron"]
    assert again.note is not None and again.note.open(KEY) == "a wren"
    assert (again.place, again.by) == (state.place, state.by)
    assert dumped(again) == data, "the same state, the same bytes"
    assert not any(bird in data for bird in (b"kingfisher", b"heron", b"wren"))


def test_an_open_field_is_never_kept() -> None:
    with pytest.raises(NotOpened, match="fold the events as they are stored"):
        dumped(kept(Sealed("a kingfisher")))


@pytest.mark.parametrize("other", [{"client": RECORD}, {"tenant": "harbour"}])
def test_a_field_of_somebody_else_is_not_kept(other: Any) -> None:
    with pytest.raises(CannotSeal, match="another client"):
        dumped(kept(closed("a kingfisher", **other)))


def test_it_opens_for_its_own_client_alone() -> None:
    data = dumped(kept(closed("a kingfisher")))
    for tenant, client in (("harbour", CLIENT), ("haven", RECORD)):
        (moved,) = load_closed(FORM, data, tenant=tenant, client_id=client).said
        with pytest.raises(CannotOpen):
            moved.open(KEY)


@pytest.mark.parametrize("value", [object(), {1: "a"}, 2**70])
def test_what_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(CannotSeal) as refused:
        dumped({"value": value})
    assert "kingfisher" not in str(refused.value)


def _without_place(field: dict[str, Any]) -> None:
    del field["of"]


def _version_as_text(field: dict[str, Any]) -> None:
    field["of"][1] = "1"


def _not_a_list(field: dict[str, Any]) -> None:
    field["of"] = "test.said"


def _another_format(field: dict[str, Any]) -> None:
    field["$enc"] = "c0"


@pytest.mark.parametrize("spoil", [_without_place, _version_as_text, _not_a_list, _another_format])
def test_a_damaged_field_is_no_field(spoil: Callable[[dict[str, Any]], None]) -> None:
    raw = orjson.loads(dumped(kept(closed("a kingfisher"))))
    spoil(raw["said"][0])
    with pytest.raises(CannotOpen):
        load_closed(FORM, orjson.dumps(raw), tenant="haven", client_id=CLIENT)
