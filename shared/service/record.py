"""One way to write an event: sealed, with its meta, its messages, and its receipt for the gate.

A handler asks the gate (`open_one`), makes the event with the key of its record (`record_event`) and appends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID, uuid5

import orjson

from shared.contracts.disclosure import RecordKey
from shared.contracts.receipts import RECEIPT, Receipt
from shared.contracts.topics import RECEIPTS
from shared.eventstore.model import NewEvent, Publication
from shared.gate.ask import Opened
from shared.http.call import Call
from shared.sealing.event import Event, seal
from shared.service.parts import Parts

RECEIPT_NAME: Final = "receipt"
"""name under an event's id (RFC 9562, version 5) that gives the message id of its receipt"""


@dataclass(frozen=True, slots=True)
class WriteMeta:
    """Who wrote an event, and under which entry of the ledger."""

    tenant: str
    sub: str
    """`sub` of the person, or `job:<name>`, `link:<administration>`, `service:<name>`"""
    role: str
    entry: int | None
    """ledger index; None only for what a service notes by itself and no entry covers (then no receipt is published)"""
    request_id: str

    def as_json(self) -> bytes:
        """The `meta` of a stored event."""
        return orjson.dumps({"sub": self.sub, "role": self.role, "entry": self.entry, "request_id": self.request_id})


def write_meta(call: Call, opened: Opened) -> WriteMeta:
    """The meta of what this call writes of the one client it asked the gate about."""
    (entry,) = opened.entries
    return WriteMeta(call.tenant, call.principal.sub, str(call.principal.role), entry, call.request_id)


def client_key(tenant: str, client_id: UUID | str) -> str:
    """Message key that keeps a client's story in order."""
    return f"{tenant}/{client_id}"


def receipt_id(event_id: UUID) -> UUID:
    """Message id of the receipt of that event: always the same, so that it counts once."""
    return uuid5(event_id, RECEIPT_NAME)


def record_event(
    event: Event,
    *,
    parts: Parts,
    call_meta: WriteMeta,
    key: RecordKey | None,
    publish: Sequence[Publication] = (),
    event_id: UUID | None = None,
) -> NewEvent:
    """The event ready to append: data sealed under `key`, `publish` and the receipt to be relayed after commit.

    `key` is the gate's for the event's own record; None only where nothing is sealed (else WrongKey). `event_id` is given
    where a repeat must give the same one (an event that answers a message); absent, a new one is made.
    """
    event_id = event_id or parts.new_id()
    data = seal(event, tenant=call_meta.tenant, event_id=event_id, key=key, random=parts.random)
    receipts = [] if call_meta.entry is None else [_receipt(event, event_id, data, parts, call_meta.tenant, call_meta.entry)]
    return NewEvent(
        event_id=event_id,
        type=event.TYPE,
        schema_version=event.SCHEMA_VERSION,
        data=data,
        meta=call_meta.as_json(),
        publish=(*publish, *receipts),
    )


def _receipt(event: Event, event_id: UUID, data: bytes, parts: Parts, tenant: str, entry: int) -> Publication:
    receipt = Receipt(
        service=str(parts.signer.service),
        event_id=event_id,
        event_type=event.TYPE,
        record_id=event.record_id,
        client_id=event.client_id,
        entry=entry,
        digest=sha256(data).hexdigest(),
    )
    return Publication(
        topic=RECEIPTS,
        key=client_key(tenant, event.client_id),
        type=RECEIPT,
        payload=receipt.model_dump_json().encode(),
        event_id=receipt_id(event_id),
    )
