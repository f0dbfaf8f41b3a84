"""A shredded key: what was derived goes, and the gate is told, once."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.audit import KEY_SHREDDED, KeyShredded
from shared.contracts.receipts import ERASURE_ACKNOWLEDGED, ErasureAcknowledged
from shared.contracts.records import KeyClass, ServiceName
from shared.contracts.topics import AUDIT, RECEIPTS
from shared.identity.service_keys import ServiceKeys
from shared.messaging.port import Effect, Message
from shared.messaging.signature import EventSigner
from shared.service.erasure import ERASURES_STREAM, DerivedTable, erasure_handler
from shared.service.parts import Parts

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TABLES = (
    DerivedTable("prompt", KeyClass.MEASURES),
    DerivedTable("note_index", KeyClass.PROGRESS_NOTE),
    DerivedTable("parked_copy"),
)


def parts(service: ServiceName = ServiceName.SESSION_NOTES) -> Parts:
    unused: Any = None
    return Parts(
        database=None,
        transport=unused,
        signer=EventSigner(ServiceKeys.from_seed(service, bytes(32))),
        verifier=unused,
        tokens=unused,
        gate=None,
        now=lambda: NOW,
        new_id=uuid4,
        random=lambda n: bytes(n),
        public_url="http://127.0.0.1:8100",
        secret=bytes(32),
    )


def message(client: UUID, erasure: UUID, *classes: str) -> Message:
    payload = KeyShredded(erasure_id=erasure, client_id=client, key_classes=classes, at=NOW).model_dump_json().encode()
    return Message(
        topic=AUDIT,
        tenant="clinic",
        key=f"clinic/{client}",
        message_id=UUID(int=5),
        type=KEY_SHREDDED,
        schema_version=1,
        source="audit_log",
        sequence=1,
        stream=f"erasure/{erasure}",
        payload=payload,
    )


async def effect_of(service: ServiceName, *classes: str) -> tuple[Effect, UUID, UUID]:
    client, erasure = uuid4(), uuid4()
    effect = await erasure_handler(parts(service), tables=TABLES)(message(client, erasure, *classes))
    assert effect is not None
    return effect, client, erasure


async def test_drops_idempotency_rows_and_derived_rows_of_the_erased_classes_only() -> None:
    effect, client, _ = await effect_of(ServiceName.SESSION_NOTES, "measures")
    assert [s.sql.split()[2] for s in effect.statements] == ["idempotency", "snapshot", "prompt", "parked_copy"]
    assert all(s.args == ("clinic", client) for s in effect.statements)


async def test_acknowledges_once_on_the_receipts_topic() -> None:
    effect, client, erasure = await effect_of(ServiceName.SESSION_NOTES, "measures", "identity")
    (append,) = effect.appends
    assert append.stream == ERASURES_STREAM and append.expected_version is None
    (event,) = append.events
    (publication,) = event.publish
    assert (publication.topic, publication.type) == (RECEIPTS, ERASURE_ACKNOWLEDGED)
    assert publication.payload is not None
    assert ErasureAcknowledged.model_validate_json(publication.payload) == ErasureAcknowledged(
        service="session_notes", erasure_id=erasure, client_id=client, key_classes=("measures", "identity")
    )


async def test_repeats_give_the_same_event_id_and_two_services_give_two() -> None:
    first, *_ = await effect_of(ServiceName.SESSION_NOTES, "measures")
    again, *_ = await effect_of(ServiceName.SESSION_NOTES, "measures")
    other, *_ = await effect_of(ServiceName.CONSENT, "measures")
    ids = [e.appends[0].events[0].event_id for e in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]


def test_a_table_name_is_never_sql() -> None:
    with pytest.raises(ValueError, match="lower_snake_case"):
        DerivedTable("note; DROP TABLE events")
