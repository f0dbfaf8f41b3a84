"""An answer to a critical item, told to a person: an alarm in the ledger, which its routes carry on by webhook and mail.

The entry names neither client nor answer. `late_by_seconds` says how long after the answer it came here.
"""

from collections.abc import Callable
from datetime import datetime

from services.audit_log.ledger.application.ports import LedgerStep
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.contracts.disclosure import Decision
from shared.contracts.records import RECORD_TYPES, RecordType
from shared.contracts.risk import RISK_TOLD, RiskToldMessage
from shared.messaging.port import Effect, Handler, Message

TELL_OF_RISK = "tell-of-risk"


class ForeignRisk(Exception):
    """A risk alert told by another service than the one that wrote it: it is parked."""


class RiskAlarms:
    def __init__(self, ledger: LedgerStep, *, now: Callable[[], datetime]) -> None:
        self._ledger, self._now = ledger, now

    def handlers(self) -> dict[str, Handler]:
        """For the consumer of `receipts.v1`."""
        return {RISK_TOLD: self._told}

    async def _told(self, message: Message) -> Effect:
        told = RiskToldMessage.model_validate_json(message.payload)
        row = RECORD_TYPES[RecordType.RISK_ALERT]
        if told.service != message.source or message.source != row.owner:
            raise ForeignRisk("the service that keeps risk alerts tells of them")
        now = self._now()
        entry = Entry(
            kind=EntryKind.ALARM,
            at=now,
            action=TELL_OF_RISK,
            outcome="done",
            reason=str(told.what),
            agent="job:risk_alarm",
            agent_role="job",
            service=message.source,
            request_id=str(message.message_id),
            records=(EntryRecord(str(told.alert_id), str(RecordType.RISK_ALERT), str(row.key_class), str(Decision.PERMIT), ""),),
            basis=("rule:risk.addressee", f"to:{told.addressee or 'compliance_officer'}"),
            detail={
                "raised_at": told.raised_at.isoformat(),
                "late_by_seconds": max(0, int((now - told.raised_at).total_seconds())),
            },
        )
        await self._ledger.write(message.tenant, [entry], [])
        return Effect()
