"""The part of `bootstrap` around the ledger: who looks at it from outside, what runs beside it, and its pages."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import gettempdir

from fastapi import FastAPI

from services.audit_log.accounting.adapters.asked_table import AskedTable
from services.audit_log.accounting.api.accounting import accounting_router
from services.audit_log.accounting.api.handouts import Handouts, handouts_router
from services.audit_log.accounting.application.asking import Asking
from services.audit_log.assurance.adapters import completeness_table, retention_table
from services.audit_log.assurance.adapters.witness_http import HttpWitnesses
from services.audit_log.assurance.api.ledger_state import ledger_state_router
from services.audit_log.assurance.application.completeness import CompletenessSweep
from services.audit_log.assurance.application.restored import Restored
from services.audit_log.assurance.application.retention_clock import RetentionClock
from services.audit_log.assurance.application.witnessing import Witnessing
from services.audit_log.balp.api.audit_event import fhir_router
from services.audit_log.erasure.application.holds import Holds
from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.api.access import Desk
from services.audit_log.ledger.api.accounting_suspensions import suspensions_router
from services.audit_log.ledger.api.ledger import ledger_router
from services.audit_log.ledger.api.tlog import tlog_router
from services.audit_log.ledger.application.ports import Clients
from services.audit_log.practice.adapters.practice_table import PracticeTable
from services.audit_log.reports.adapters.worker_process import Disk, WorkerProcesses
from services.audit_log.reports.api.exports import exports_router
from services.audit_log.reports.api.record_exports import record_exports_router
from services.audit_log.routes_out.adapters import places as route_places
from services.audit_log.routes_out.api.routes import routes_router
from services.audit_log.routes_out.application.routes import Routes
from services.audit_log.settings import Settings
from shared.eventstore.store import EventStore
from shared.http.cursor import Cursors
from shared.http.idempotency import Idempotency
from shared.service.parts import Parts


class LedgerCare:
    """Witnesses, receipts that are missing, retention, and the routes by which entries go out."""

    def __init__(
        self,
        parts: Parts,
        ledger: PostgresLedger,
        store: EventStore,
        holds: Holds,
        clients: Clients,
        settings: Settings,
        database: str,
        anchors: Path,
    ) -> None:
        """`database`: DSN of the role `app`; `anchors`: folder of the signed checkpoints."""
        self._parts, self._ledger, now = parts, ledger, parts.now
        self._witness_http = HttpWitnesses()
        disk = Disk(settings.reports_dir or Path(gettempdir()), settings.reports_bytes, settings.pdf_font)
        self.reports = WorkerProcesses(database, anchors, ledger.log_vkeys, disk, leaving=parts.leaving)
        self.witnessing = Witnessing(settings.witnesses, ledger, self._witness_http, now=now, every=settings.witness_every)
        self.completeness = CompletenessSweep(
            completeness_table.PostgresCompleteness(store), ledger, self.led, now=now, grace=settings.receipt_grace
        )
        self.retention = RetentionClock(
            retention_table.PostgresRetention(store), ledger, holds, self.led, years=settings.retention_years, now=now
        )
        desk, practice = Desk(ledger, parts.tokens, now), PracticeTable(store)
        self.asking = Asking(AskedTable(store), practice, ledger, clients, desk.record, now=now, new_id=parts.new_id)
        self.handouts = Handouts(ledger, self.reports, practice, desk, now)
        self._store = store
        self.restored = Restored(anchors, ledger, self.led, now=now)
        self.routes = Routes(settings.routes, ledger, route_places.PostgresRoutePlaces(store), self.led, now=now)

    def work(self) -> list[Callable[[], Awaitable[None]]]:
        """What runs as long as the service does."""
        return [self.witnessing.run, self.completeness.run, self.retention.run, self.routes.run, self.restored.run]

    async def close(self) -> None:
        await self._witness_http.close()

    def add_pages(self, app: FastAPI) -> None:
        tokens, now = self._parts.tokens, self._parts.now
        app.include_router(ledger_router(self._ledger, self.reports, tokens, Cursors(self._parts.secret), now))
        app.include_router(suspensions_router(self._ledger, tokens, now))
        desk = Desk(self._ledger, tokens, now)
        app.include_router(accounting_router(self.asking, desk, Idempotency(self._store, self._parts.secret)))
        app.include_router(handouts_router(self.handouts, desk))
        app.include_router(exports_router(self._ledger, self.reports, tokens, now))
        app.include_router(record_exports_router(self._ledger, tokens, now))
        app.include_router(ledger_state_router(self._ledger, self.witnessing, self.completeness, self.retention, tokens, now))
        app.include_router(routes_router(self._ledger, self.routes, tokens, now))
        app.include_router(fhir_router(self._ledger, tokens, Cursors(self._parts.secret), now, public_url=self._parts.public_url))
        app.include_router(tlog_router(self._ledger, tokens, now))

    def led(self) -> list[str]:
        """Tenants whose log this process leads."""
        return sorted(self._ledger.published_logs())
