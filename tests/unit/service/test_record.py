"""What one write carries: sealed data, meta, messages and a receipt of ciphertext."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, ClassVar
from uuid import UUID, uuid4

import orjson
import pytest

from shared.contracts.disclosure import RecordKey
from shared.contracts.receipts import RECEIPT, Receipt
from shared.contracts.records import KeyClass, ServiceName
from shared.contracts.topics import RECEIPTS, SESSION_NOTES
from shared.eventstore.model import Publication
from shared.gate.ask import Opened
from shared.http.call import Call
from shared.identity.principal import Principal
from shared.identity.roles import Role
from shared.identity.service_keys import ServiceKeys
from shared.messaging.signature import EventSigner
from shared.sealing.errors import WrongKey
from shared.sealing.event import Event, EventTypes
from shared.sealing.field import Sealed
from shared.service.parts import Parts
from shared.service.record import WriteMeta, client_key, receipt_id, record_event, write_meta

CANARY = "the kite is stuck in the pear tree"
META = WriteMeta("clinic", "dr-lang", "therapist", 7, "req-1")


class Drafted(Event):
    TYPE: ClassVar[str] = "test.drafted"
    RECORD: ClassVar[str] = "note_id"
    note_id: UUID
    text: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


class Closed(Event):
    TYPE: ClassVar[str] = "test.closed"
    RECORD: ClassVar[str] = "note_id"
    note_id: UUID


@dataclass
class Nothing:
    """Stands where this code must not reach."""


def parts() -> Parts:
    keys = ServiceKeys.from_seed(ServiceName.SESSION_NOTES, bytes(32))
    nothing: Any = Nothing()
    return Parts(
        database=None,
        transport=nothing,
        signer=EventSigner(keys),
        verifier=nothing,
        tokens=nothing,
        gate=None,
        now=lambda: datetime(2026, 3, 1, tzinfo=UTC),
        new_id=uuid4,
        random=lambda n: bytes(n),
        public_url="http://127.0.0.1:8100",
        secret=bytes(32),
    )


def key_of(note: UUID) -> RecordKey:
    return RecordKey(record_id=str(note), key_class=KeyClass.PROGRESS_NOTE, kid="k1", key=b"k" * 32)


def test_data_is_sealed_bound_to_the_event_id_and_opens_again() -> None:
    note, client = uuid4(), uuid4()
    new = record_event(
        Drafted(client_id=client, note_id=note, text=Sealed(CANARY)), parts=parts(), call_meta=META, key=key_of(note)
    )
    assert CANARY.encode() not in new.data
    loaded = EventTypes(Drafted).load(
        tenant="clinic", event_type=new.type, schema_version=new.schema_version, event_id=new.event_id, data=new.data
    )
    assert isinstance(loaded, Drafted)
    assert loaded.text.open(key_of(note)) == CANARY
    assert orjson.loads(new.meta) == {"sub": "dr-lang", "role": "therapist", "entry": 7, "request_id": "req-1"}


def test_receipt_names_event_entry_and_digest_of_what_is_stored() -> None:
    note, client = uuid4(), uuid4()
    message = Publication(SESSION_NOTES, client_key("clinic", client))
    new = record_event(
        Drafted(client_id=client, note_id=note, text=Sealed(CANARY)),
        parts=parts(),
        call_meta=META,
        key=key_of(note),
        publish=[message],
    )
    assert new.publish[0] == message
    (receipt,) = new.publish[1:]
    assert (receipt.topic, receipt.type, receipt.key) == (RECEIPTS, RECEIPT, f"clinic/{client}")
    assert receipt.event_id == receipt_id(new.event_id) != new.event_id
    assert receipt.payload is not None
    assert Receipt.model_validate_json(receipt.payload) == Receipt(
        service="session_notes",
        event_id=new.event_id,
        event_type="test.drafted",
        record_id=note,
        client_id=client,
        entry=7,
        digest=sha256(new.data).hexdigest(),
    )


def test_without_an_entry_there_is_no_receipt() -> None:
    event = Closed(client_id=uuid4(), note_id=uuid4())
    assert record_event(event, parts=parts(), call_meta=replace(META, entry=None), key=None).publish == ()


def test_a_given_event_id_is_kept() -> None:
    given = uuid4()
    event = Closed(client_id=uuid4(), note_id=uuid4())
    assert record_event(event, parts=parts(), call_meta=META, key=None, event_id=given).event_id == given


def test_a_sealed_field_without_its_own_key_is_refused() -> None:
    event = Drafted(client_id=uuid4(), note_id=uuid4(), text=Sealed(CANARY))
    for key in (None, key_of(uuid4())):
        with pytest.raises(WrongKey):
            record_event(event, parts=parts(), call_meta=META, key=key)


def test_write_meta_takes_the_entry_of_the_call() -> None:
    principal = Principal("dr-lang", "clinic", Role.THERAPIST)
    call = Call(principal, "token", None, "req-9", None)
    assert write_meta(call, Opened((41,), {}, {})) == WriteMeta("clinic", "dr-lang", "therapist", 41, "req-9")
