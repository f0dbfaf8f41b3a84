"""How a sealed field stands in a model and in its schema, what an event does not let happen, and what an envelope is bound to."""

from hashlib import sha256
from typing import Annotated, Any, ClassVar
from uuid import UUID

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.contracts.records import KeyClass
from shared.gate.envelope import binding
from shared.sealing.event import Event
from shared.sealing.field import Sealed
from tests.unit.sealing.test_downtime import PLACE

CLIENT = UUID(int=3)


class Noted(Event):
    TYPE: ClassVar[str] = "noted"
    RECORD: ClassVar[str] = "note_id"
    note_id: str
    text: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


class Loose(BaseModel):
    anything: Sealed  # type: ignore[type-arg]


def test_the_schema_says_what_stands_at_rest() -> None:
    schema = TypeAdapter(Sealed[str]).json_schema(mode="serialization")
    assert {k: v for k, v in schema.items() if k != "title"} == {
        "type": "object",
        "properties": {"$enc": {"const": "c1"}, "kid": {"type": "string"}, "ct": {"type": "string"}},
        "required": ["$enc", "kid", "ct"],
        "additionalProperties": False,
    }
    assert schema["title"] == "Sealed"


def test_an_event_is_never_changed_and_takes_nothing_more() -> None:
    event = Noted(note_id="r", client_id=CLIENT, text=Sealed("canary"))
    with pytest.raises(ValidationError):
        event.note_id = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError) as refused:
        Noted.model_validate({"note_id": "r", "client_id": CLIENT, "text": Sealed("x"), "more": "canary"})
    assert "canary" not in str(refused.value)
    assert Noted.SCHEMA_VERSION == 1


@pytest.mark.parametrize("value", [7, None, ["canary"], {"canary": 1}])
def test_a_value_of_another_type_is_refused_without_its_words(value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Noted(note_id="r", client_id=CLIENT, text=Sealed(value))
    assert "canary" not in str(refused.value) and "not of its declared type" in str(refused.value)


def test_a_field_of_any_type_takes_any_value() -> None:
    for value in (7, None, ["a"]):
        assert Loose(anything=Sealed(value)).anything.value == value


def test_a_bare_value_is_refused() -> None:
    for value in ("canary", {"$enc": "c1", "kid": "k", "ct": "AAAA"}):
        with pytest.raises(ValidationError) as refused:
            Noted.model_validate({"note_id": "r", "client_id": CLIENT, "text": value})
        assert "canary" not in str(refused.value)


def test_what_an_envelope_is_bound_to_never_changes() -> None:
    """A known answer: an envelope that waits is opened by the next version as well."""
    assert sha256(binding(PLACE)).hexdigest()[:32] == "a355401ab0eb44aa5e0cadb82f4191f1"
