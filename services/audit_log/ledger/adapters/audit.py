"""A ledger looked at from outside the service: each log against its anchor, then every entry, leaf and tree hash."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from typing import Final

import asyncpg

from services.audit_log.ledger.adapters.keys import LogKeys
from services.audit_log.ledger.adapters.logs import Logs
from services.audit_log.ledger.adapters.reads import LedgerReads
from services.audit_log.ledger.application.ledger_view import CheckpointAnchor
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.domain.verification import Report
from shared.eventstore.databases import DatabaseUrls

SECONDS: Final = 60.0


async def audit(
    urls: DatabaseUrls, seeds: Sequence[bytes], origin: str, anchor: CheckpointAnchor, tenants: Iterable[str]
) -> AsyncIterator[Report]:
    """One report a tenant; nothing is written. Raises what asyncpg raises where the database is away."""
    keys = LogKeys(seeds, origin)
    async with asyncpg.create_pool(urls.app, min_size=1, max_size=2, command_timeout=SECONDS) as pool:
        logs, reads = Logs(pool, keys, anchor), LedgerReads(pool, keys, anchor.load)
        for tenant in tenants:
            refusal = None
            try:
                await logs.next_index(tenant)
            except LedgerUnavailable as error:
                refusal = str(error)
            report = await reads.verify(tenant)
            yield report if refusal is None else replace(report, ok=False, what=f"{refusal} ({report.what})")
