"""Every event type and version ever written still loads and still opens. A fixture is added, never changed."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from services.consent.domain.events import EVENT_TYPES
from shared.contracts.disclosure import RecordKey
from shared.contracts.records import KeyClass
from shared.sealing.event import sealed_fields

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parent / "golden_events.json").read_text())


@pytest.mark.parametrize("fixture", GOLDEN, ids=lambda f: f"{f['type']}@{f['schema_version']}")
def test_what_was_written_once_is_read_for_ever(fixture: dict[str, Any]) -> None:
    event = EVENT_TYPES.load(
        tenant="golden",
        event_type=fixture["type"],
        schema_version=fixture["schema_version"],
        event_id=UUID(fixture["event_id"]),
        data=json.dumps(fixture["data"]).encode(),
    )
    key = RecordKey(record_id=str(event.record_id), key_class=KeyClass.CONSENT_EVIDENCE, kid="golden-1", key=bytes(range(32)))
    words = {}
    for name in sealed_fields(type(event)):
        value = getattr(event, name).open(key)
        words[name] = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    assert words == fixture["words"]


def test_every_type_has_its_fixture() -> None:
    assert {(f["type"], f["schema_version"]) for f in GOLDEN} == {(m.TYPE, m.SCHEMA_VERSION) for m in EVENT_TYPES.models}
