"""GDPR 30: the register names every event type that is written, what is personal in it, and how it ends."""

from typing import Any

from infra.contracts.catalogue import EVENTS
from infra.contracts.register import CATEGORIES, PURPOSES, register
from shared.contracts.records import KeyClass
from shared.sealing.event import sealed_fields


def rows() -> dict[tuple[str, str], dict[str, Any]]:
    return {(a["service"], row["type"]): row for a in register()["activities"] for row in a["event_types"]}


def test_gdpr_30_the_register_is_generated_from_the_event_types() -> None:
    found = rows()
    models = {(str(service), m.TYPE): m for service, types in EVENTS.items() for m in types.models}
    assert set(found) == set(models) and set(PURPOSES) == set(EVENTS) and set(CATEGORIES) == set(KeyClass)
    for key, model in models.items():
        row, sealed = found[key], sealed_fields(model)
        assert set(row["sealed_fields"]) == set(sealed)
        assert set(row["sealed_fields"]) | set(row["fields_in_the_clear"]) == set(model.model_fields)
        assert {CATEGORIES[KeyClass(c)] for c in sealed.values()} <= set(row["categories"])
        assert all(str(c) in row["ends"] for c in sealed.values())


def test_recipients_are_the_readers_of_the_topic() -> None:
    found = rows()
    assert found["consent", "consent.consent-revoked"]["sent_to"] == ["alliance_measurement", "session_notes"]
    assert not any("audit_log" in row["sent_to"] for (service, _), row in found.items() if service == "session_notes")
