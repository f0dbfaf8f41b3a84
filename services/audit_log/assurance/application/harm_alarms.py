"""Harm that was noted, and a concern that was raised: an alarm in the ledger, which its routes carry on by webhook and mail.

The entry names neither client nor words.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from services.audit_log.ledger.application.ports import LedgerStep
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.contracts.disclosure import Decision
from shared.contracts.harm import HARM_TOLD, HarmToldMessage
from shared.contracts.records import RECORD_TYPES
from shared.messaging.port import Effect, Handler, Message

TELL_OF_HARM: Final = "tell-of-harm"


class ForeignHarm(Exception):
    """Told by another service than the one that keeps such records: it is parked."""


class HarmAlarms:
    def __init__(self, ledger: LedgerStep, *, now: Callable[[], datetime]) -> None:
        self._ledger, self._now = ledger, now

    def handlers(self) -> dict[str, Handler]:
        """For the consumer of `receipts.v1`."""
        return {HARM_TOLD: self._told}

    async def _told(self, message: Message) -> Effect:
        told = HarmToldMessage.model_validate_json(message.payload)
        row = RECORD_TYPES[told.record_type]
        if told.service != message.source or message.source != row.owner:
            raise ForeignHarm("the service that keeps such records tells of them")
        record = EntryRecord(str(told.record_id), str(told.record_type), str(row.key_class), str(Decision.PERMIT), "")
        now = self._now()
        entry = Entry(
            kind=EntryKind.ALARM,
            at=now,
            action=TELL_OF_HARM,
            outcome="done",
            reason=str(told.what),
            agent=f"service:{message.source}",
            agent_role="service",
            service=message.source,
            request_id=str(message.message_id),
            records=(record,),
            basis=("to:compliance_officer",),
            detail={"noted_at": told.at.isoformat(), "late_by_seconds": max(0, int((now - told.at).total_seconds()))},
        )
        await self._ledger.write(message.tenant, [entry], [])
        return Effect()
