"""Every event type and version ever written still loads and still opens. A fixture is added, never changed."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from services.session_notes.domain.events import EVENT_TYPES
from shared.contracts.disclosure import RecordKey
from shared.sealing.event import sealed_fields

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parent / "golden_events.json").read_text())
PUBLIC = {
    "client_id", "session_id", "note_id",
    "therapist_id",  # `sub` of a practitioner
    "by",  # `sub` of who wrote the event
    "of_version", "digest",  # what a signature stands for: of ciphertext
    "at",
}  # fmt: skip
"""fields that stand in the clear, everywhere; a new one is added here on purpose or sealed"""


@pytest.mark.parametrize("fixture", GOLDEN, ids=lambda f: f"{f['type']}@{f['schema_version']}")
def test_what_was_written_once_is_read_for_ever(fixture: dict[str, Any]) -> None:
    event = EVENT_TYPES.load(
        tenant="golden",
        event_type=fixture["type"],
        schema_version=fixture["schema_version"],
        event_id=UUID(fixture["event_id"]),
        data=json.dumps(fixture["data"]).encode(),
    )
    words = {}
    for name, key_class in sealed_fields(type(event)).items():
        key = RecordKey(record_id=str(event.record_id), key_class=key_class, kid="golden-1", key=bytes(range(32)))
        value = getattr(event, name).open(key)
        words[name] = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    assert words == fixture["words"]


def test_every_type_has_its_fixture() -> None:
    assert {(f["type"], f["schema_version"]) for f in GOLDEN} == {(m.TYPE, m.SCHEMA_VERSION) for m in EVENT_TYPES.models}


@pytest.mark.parametrize("model", EVENT_TYPES.models, ids=lambda m: m.TYPE)
def test_what_is_not_sealed_is_public_on_purpose(model: Any) -> None:
    assert set(model.model_fields) - set(sealed_fields(model)) <= PUBLIC
