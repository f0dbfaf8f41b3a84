"""What every service does when the gate has destroyed a client's keys: drop what was derived, then acknowledge."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID, uuid5

from shared.contracts.audit import KeyShredded
from shared.contracts.receipts import ERASURE_ACKNOWLEDGED, ErasureAcknowledged
from shared.contracts.records import KeyClass
from shared.contracts.topics import RECEIPTS
from shared.eventstore.model import Publication, Statement, StreamAppend
from shared.messaging.port import Effect, Handler, Message
from shared.sealing.event import Event
from shared.service.parts import Parts
from shared.service.record import WriteMeta, client_key, record_event

ERASURES_STREAM: Final = "erasures"
"""one a tenant and service: what was erased here, by ids alone"""

HOLD_ERASURES: Final = StreamAppend(ERASURES_STREAM, None, [])
"""appends nothing, and orders a transaction with erasures: it sees one, or is found by what that drops"""

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class ErasureHandled(Event):
    """This service dropped what it had derived from fields under those keys."""

    TYPE: ClassVar[str] = "erasure.handled"
    RECORD: ClassVar[str] = "erasure_id"
    erasure_id: UUID
    key_classes: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class DerivedTable:
    """A table whose rows were computed or copied from sealed fields; it has columns `tenant_id text`, `client_id uuid`."""

    name: str
    key_class: KeyClass | None = None
    """class of the fields the rows came from; None: dropped with any class"""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError("a derived table is named in lower_snake_case")


def erased_clients(tenant: str, stream: str, key_class: str) -> str:
    """SQL for the ids of clients of whom a class was erased here; the arguments are the placeholders (`$1`) of tenant,
    ERASURES_STREAM and class. Whoever writes derived rows by a late message or a rebuild leaves these out, under HOLD_ERASURES.
    """
    of = f"SELECT convert_from(data, 'UTF8')::jsonb AS event FROM events WHERE tenant_id = {tenant} AND stream = {stream}"  # noqa: S608
    return f"SELECT (e.event ->> 'client_id')::uuid FROM ({of}) AS e WHERE e.event -> 'key_classes' ? {key_class}"  # noqa: S608


Dropping = Callable[[str, UUID, Collection[str]], Sequence[Statement]]
"""tenant, client and erased classes → what takes away what a whole row would be too much for"""


def erasure_handler(
    parts: Parts, *, tables: Sequence[DerivedTable] = (), also: Dropping = lambda _tenant, _client, _classes: ()
) -> Handler:
    """Handles `audit.key-shredded`: one transaction drops the client's idempotency rows, snapshots and the derived rows of
    the erased classes, and publishes `receipt.erasure-acknowledged`. Also where nothing was held: the gate waits for every
    service.
    """
    service = parts.signer.service

    async def handle(message: Message) -> Effect:
        shredded = KeyShredded.model_validate_json(message.payload)
        tenant, client = message.tenant, shredded.client_id
        erased = set(shredded.key_classes)
        drop = ["idempotency", "snapshot", *(t.name for t in tables if t.key_class is None or str(t.key_class) in erased)]
        acknowledged = ErasureAcknowledged(
            service=str(service), erasure_id=shredded.erasure_id, client_id=client, key_classes=shredded.key_classes
        )
        event = record_event(
            ErasureHandled(client_id=client, erasure_id=shredded.erasure_id, key_classes=shredded.key_classes, at=parts.now()),
            parts=parts,
            call_meta=WriteMeta(tenant, f"service:{service}", "service", None, ""),
            key=None,
            publish=[
                Publication(
                    topic=RECEIPTS,
                    key=client_key(tenant, client),
                    type=ERASURE_ACKNOWLEDGED,
                    payload=acknowledged.model_dump_json().encode(),
                )
            ],
            # two services answer one message: their acknowledgements are two messages, each always the same one
            event_id=uuid5(message.message_id, str(service)),
        )
        return Effect(
            appends=(StreamAppend(ERASURES_STREAM, None, [event]),),
            statements=(
                *(
                    Statement(f"DELETE FROM {name} WHERE tenant_id = $1 AND client_id = $2", (tenant, client))  # noqa: S608
                    for name in drop
                ),
                *also(tenant, client, erased),
            ),
        )

    return handle
