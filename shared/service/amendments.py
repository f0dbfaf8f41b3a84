"""Amendments and disagreements that consent published: which of them go along with a record (45 CFR 164.526(c)(1), (d)(5)).

A request names the record that its client means, and consent cannot look whether it is that client's. So a record shows what
names it and belongs to its own client, and nothing else; what comes before its record is known waits here. Kept is that there is
something, not what it says: the words stay sealed in consent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from shared.contracts.amendments import AMENDMENT_ACCEPTED, DISAGREEMENT_STATED, AmendmentAccepted, DisagreementStated
from shared.contracts.disclosure import RecordRef
from shared.contracts.records import KeyClass
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.messaging.port import Effect, Handler, Message
from shared.sealing.event import EventTypes
from shared.service.erasure import ERASURES_STREAM, HOLD_ERASURES, DerivedTable, erased_clients
from shared.service.record import client_key


class AmendmentKind(StrEnum):
    ACCEPTED = "accepted"
    DISAGREEMENT = "disagreement"


_TYPES: Final = EventTypes(AmendmentAccepted, DisagreementStated)
_KINDS: Final = {AMENDMENT_ACCEPTED: AmendmentKind.ACCEPTED, DISAGREEMENT_STATED: AmendmentKind.DISAGREEMENT}

TABLE: Final = """
CREATE TABLE IF NOT EXISTS amendment (
  tenant_id text NOT NULL,
  amendment_id uuid NOT NULL,
  client_id uuid NOT NULL,
  record_id uuid NOT NULL,
  kind text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, amendment_id)
)
"""
INDEX: Final = "CREATE INDEX IF NOT EXISTS amendment_of_record ON amendment (tenant_id, record_id)"
DERIVED: Final = DerivedTable("amendment", KeyClass.CONSENT_EVIDENCE)
"""an amendment goes with the evidence of consent, under whose class its words are sealed"""

_NEW: Final = (
    "INSERT INTO amendment (tenant_id, amendment_id, client_id, record_id, kind, at) "
    "SELECT $1::text, $2::uuid, $3::uuid, $4::uuid, $5::text, $6::timestamptz "
    f"WHERE $3 NOT IN ({erased_clients('$1', '$7', '$8')}) ON CONFLICT (tenant_id, amendment_id) DO NOTHING"
)
_ALONG: Final = (
    "SELECT amendment_id, record_id, kind, at FROM amendment "
    "JOIN unnest($2::uuid[], $3::uuid[]) AS asked (record_id, client_id) USING (record_id, client_id) "
    "WHERE tenant_id = $1 ORDER BY at, amendment_id"
)


@dataclass(frozen=True, slots=True)
class Amendment:
    id: UUID
    kind: AmendmentKind
    at: datetime

    def view(self) -> dict[str, Any]:
        """As a record shows it; the words are read by `GET /v1/amendment-requests/{id}`."""
        return {"id": str(self.id), "kind": str(self.kind), "at": self.at.isoformat()}


Along = dict[UUID, list[Amendment]]
"""what goes along with records, the oldest first; by record, which is missing where there is nothing"""


class MisplacedAmendment(Exception):
    """An amendment that came under another client's key: it is parked."""


class Amendments:
    """Those that a service keeps beside its records, in its own database."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def along(self, tenant: str, refs: Iterable[RecordRef]) -> Along:
        """What names one of these records and belongs to its client, by one query."""
        asked = list(refs)
        records, clients = [UUID(ref.record_id) for ref in asked], [UUID(ref.client_id) for ref in asked]
        found: Along = {}
        for row in await self._store.fetch(tenant, _ALONG, tenant, records, clients):
            found.setdefault(row["record_id"], []).append(Amendment(row["amendment_id"], AmendmentKind(row["kind"]), row["at"]))
        return found


async def keep_amendment(message: Message) -> Effect:
    """Handles `consent.amendment-accepted` and `consent.disagreement-stated`: nothing where it is there already, or once the
    client's evidence was erased."""
    event = _TYPES.load(
        tenant=message.tenant,
        event_type=message.type,
        schema_version=message.schema_version,
        event_id=message.message_id,
        data=message.payload,
    )
    assert isinstance(event, AmendmentAccepted | DisagreementStated)
    if message.key != client_key(message.tenant, event.client_id):
        raise MisplacedAmendment("an amendment is published under its own client's key")
    about = (message.tenant, event.amendment_id, event.client_id, event.amended_record, str(_KINDS[message.type]), event.at)
    return Effect((HOLD_ERASURES,), (Statement(_NEW, (*about, ERASURES_STREAM, str(KeyClass.CONSENT_EVIDENCE))),))


HANDLERS: Final[dict[str, Handler]] = dict.fromkeys(_KINDS, keep_amendment)
