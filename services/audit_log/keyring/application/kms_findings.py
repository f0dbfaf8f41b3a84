"""Each finding of `make kms-audit` becomes an alarm of the ledger: of the tenant whose key it was, or of the deployment."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Protocol

from services.audit_log.keyring.domain.kms_audit import Finding
from services.audit_log.ledger.application.ports import KeyringUnavailable, Ledger, LedgerUnavailable
from services.audit_log.ledger.domain.entry import SYSTEM_TENANT, Entry, EntryKind
from shared.contracts.records import ServiceName

EVERY: Final = 30.0
"""seconds"""
_log = logging.getLogger(__name__)


class Findings(Protocol):
    """All raise KeyringUnavailable."""

    async def untold(self) -> list[Finding]: ...

    async def told(self, request_id: str) -> None: ...


class KmsAlarms:
    def __init__(
        self,
        findings: Findings,
        ledger: Ledger,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._findings, self._ledger, self._now, self._sleep = findings, ledger, now, sleep

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.tell()
            except (KeyringUnavailable, LedgerUnavailable) as error:
                _log.debug("findings about the KMS are told later: %s", type(error).__name__)
            await self._sleep(EVERY)

    async def tell(self) -> int:
        """How many became an alarm. One that is told and not noted as such, by a crash, is told once more."""
        found = await self._findings.untold()
        for finding in found:
            key = finding.key
            tenant = key.tenant if key is not None and key.client_id is not None else SYSTEM_TENANT
            await self._ledger.append(tenant, [_alarm(finding, self._now())])
            await self._findings.told(finding.request_id)
        return len(found)


def _alarm(finding: Finding, at: datetime) -> Entry:
    key = finding.key
    return Entry(
        kind=EntryKind.ALARM,
        at=at,
        action="kms-audit",
        outcome="done",
        reason=str(finding.reason),
        agent=f"service:{ServiceName.AUDIT_LOG}",
        agent_role="service",
        service=str(ServiceName.AUDIT_LOG),
        request_id="",
        client_id=key.client_id if key is not None else None,
        detail={
            "operation": finding.operation,
            "at": finding.at.isoformat(),
            "call": finding.request_id,
            "from": finding.remote_address,
            "key": key.kid if key is not None else None,
            "key_class": str(key.key_class) if key is not None and key.key_class is not None else None,
        },
    )
