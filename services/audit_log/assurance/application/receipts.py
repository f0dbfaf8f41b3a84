"""Receipts against the ledger: whatever a service wrote, it wrote under an entry that allowed just that. Else: an alarm."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from services.audit_log.decision.domain.rules.tables import WRITING
from services.audit_log.ledger.application.ledger_view import NoSuchEntry, StoredEntry
from services.audit_log.ledger.application.ports import LedgerStep, LedgerUnavailable, LogRefused
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.contracts.disclosure import Action, Decision
from shared.contracts.receipts import MESSAGE_SKIPPED, RECEIPT, MessageSkipped, Receipt
from shared.contracts.records import ServiceName
from shared.eventstore.model import Statement, UniqueViolation
from shared.gate.port import GateUnavailable
from shared.messaging.port import Effect, Handler, Message, Transient

SYSTEM_TENANT: Final = "alliance-record.system"
"""whose ledger keeps alarms that belong to no tenant that is known"""
WITHOUT_ENTRY: Final = "receipt-without-entry"
OF_ANOTHER: Final = "receipt-of-another-entry"
MESSAGE_GIVEN_UP: Final = "message-skipped"


class Entries(Protocol):
    async def entry(self, tenant: str, index: int) -> StoredEntry:
        """Raises NoSuchEntry, LedgerUnavailable."""

    def refused(self) -> dict[str, str]:
        """Tenants whose log is not written, and why."""


class ForeignSkip(Exception):
    """A skip told by another service than the one it happened in: it is parked."""


Received = Callable[[str, Receipt, int, str | None, datetime], Statement]


class Receipts:
    def __init__(self, entries: Entries, ledger: LedgerStep, received: Received, *, now: Callable[[], datetime]) -> None:
        self._entries, self._ledger, self._received, self._now = entries, ledger, received, now

    def handlers(self) -> dict[str, Handler]:
        """For the consumer of `receipts.v1`."""
        return {RECEIPT: self._receipt, MESSAGE_SKIPPED: self._skipped}

    async def skipped_here(self, tenant: str, skipped: MessageSkipped) -> None:
        """A message that an operator gave up in this very service."""
        await self._ledger.write(tenant, [_skip_alarm(skipped, self._now())], [])

    async def _skipped(self, message: Message) -> Effect | None:
        skipped = MessageSkipped.model_validate_json(message.payload)
        if skipped.service != message.source:
            raise ForeignSkip("a service tells of its own messages only")
        await self._ledger.write(message.tenant, [_skip_alarm(skipped, self._now())], [])
        return Effect()

    async def _receipt(self, message: Message) -> Effect | None:
        receipt = Receipt.model_validate_json(message.payload)
        fault, now = await self._fault(message, receipt), self._now()
        statement = self._received(message.tenant, receipt, message.sequence, fault, now)
        alarms = [_alarm(message, receipt, fault, now)] if fault else []
        try:
            await self._ledger.write(message.tenant, alarms, [statement])
        except UniqueViolation:
            return None  # the same receipt again
        except GateUnavailable:
            # parked until the log is repaired: waiting in place would hold up every other tenant of the partition
            if message.tenant in self._entries.refused():
                raise LogRefused("this tenant's log is not written") from None
            raise
        return None

    async def _fault(self, message: Message, receipt: Receipt) -> str | None:
        if receipt.service != message.source:
            return OF_ANOTHER
        try:
            stored = await self._entries.entry(message.tenant, receipt.entry)
        except NoSuchEntry:
            return WITHOUT_ENTRY
        except LedgerUnavailable:
            raise Transient("the ledger does not answer") from None
        if stored.erased:
            # its payload went with the client's data: what it allowed cannot be compared any more
            return None
        return None if allows(stored.entry, receipt) else OF_ANOTHER


def allows(entry: Entry, receipt: Receipt) -> bool:
    """Whether the entry permitted that service to write that record of that client."""
    return ((entry.kind is EntryKind.RELEASE and entry.outcome == Decision.PERMIT) or _permits_record(entry, receipt)) and (
        entry.service,
        entry.client_id,
    ) == (receipt.service, str(receipt.client_id))


def _permits_record(entry: Entry, receipt: Receipt) -> bool:
    return (
        entry.kind is EntryKind.DISCLOSURE
        and entry.action in WRITING | {Action.COMPUTE}
        and any(r.record_id == str(receipt.record_id) and r.decision == Decision.PERMIT for r in entry.records)
    )


def _alarm(message: Message, receipt: Receipt, fault: str, at: datetime) -> Entry:
    return Entry(
        kind=EntryKind.ALARM,
        at=at,
        action="receipt",
        outcome="done",
        reason=fault,
        agent=f"service:{message.source}",
        agent_role="service",
        service=message.source,
        request_id=str(message.message_id),
        client_id=str(receipt.client_id),
        detail={"event": str(receipt.event_id), "record": str(receipt.record_id), "entry": receipt.entry},
    )


def _skip_alarm(skipped: MessageSkipped, at: datetime) -> Entry:
    return Entry(
        kind=EntryKind.ALARM,
        at=at,
        action="skip",
        outcome="done",
        reason=MESSAGE_GIVEN_UP,
        agent=skipped.skipped_by,
        agent_role="operator",
        service=skipped.service,
        request_id=str(skipped.message_id),
        client_id=str(skipped.client_id) if skipped.client_id is not None else None,
        detail={
            "topic": skipped.topic,
            "type": skipped.message_type,
            "fault": skipped.error,
            "reason": skipped.reason,
            "at": skipped.at.isoformat(),
        },
    )


def message_alarm(reason: str, fault: str, topic: str, at: datetime) -> Entry:
    """A message that was refused (`forged-message`: nothing in it is believed, the tenant included) or that could not be
    handled and is parked with what follows it (`message-parked`)."""
    return Entry(
        kind=EntryKind.ALARM,
        at=at,
        action="consume",
        outcome=str(Decision.DENY),
        reason=reason,
        agent="unverified",
        agent_role="service",
        service=str(ServiceName.AUDIT_LOG),
        request_id="",
        detail={"topic": topic, "fault": fault},
    )
