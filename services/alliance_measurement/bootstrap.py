"""alliance_measurement put together."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter

from services.alliance_measurement.adapters import risk_table
from services.alliance_measurement.adapters.definitions import load
from services.alliance_measurement.adapters.index import PostgresIndex
from services.alliance_measurement.adapters.migrations import SCHEMA
from services.alliance_measurement.adapters.risk_table import PostgresRiskIndex
from services.alliance_measurement.api.administrations import administration_routes
from services.alliance_measurement.api.clients import client_routes
from services.alliance_measurement.api.exporting import export_routes
from services.alliance_measurement.api.instruments import instrument_routes
from services.alliance_measurement.api.outcomes import outcome_routes
from services.alliance_measurement.api.risk import risk_routes
from services.alliance_measurement.api.surface import Surface
from services.alliance_measurement.application.choreography import schedule_measure
from services.alliance_measurement.application.detection import StrainDetection
from services.alliance_measurement.application.ports import Desk
from services.alliance_measurement.application.risk_watch import RiskWatch
from services.alliance_measurement.application.worker import AssessmentWorker
from services.alliance_measurement.settings import Settings
from shared.contracts.audit import KEY_SHREDDED
from shared.contracts.records import KeyClass, ServiceName
from shared.contracts.session_notes import SESSION_HELD
from shared.contracts.topics import AUDIT, CONSENT, SESSION_NOTES
from shared.eventstore.outbox import Outbox
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.sequencer import Sequencer
from shared.gate.port import Gate
from shared.http.app import create_app
from shared.http.cursor import Cursors
from shared.http.idempotency import Idempotency
from shared.messaging.consumer import Consumer
from shared.messaging.parked_orders import ParkedOrders
from shared.messaging.relay import Relay
from shared.service import amendments
from shared.service.background import Background
from shared.service.erasure import DerivedTable, erasure_handler
from shared.service.parts import ASGIApp, DatabaseUrls, Parts, Unwired
from shared.service.watch import EventWatch

_DESCRIPTION: Final = "Measures of the working alliance and of outcome: scored by key, sealed, released as the client decides."
_DERIVED: Final = (DerivedTable("assessment_due", KeyClass.MEASURES), amendments.DERIVED, *risk_table.DERIVED)


class AllianceMeasurement:
    """`Service`: its app, relay, consumer and assessment worker over one database."""

    def __init__(self, parts: Parts, settings: Settings, database: DatabaseUrls, gate: Gate) -> None:
        self.name = str(ServiceName.ALLIANCE)
        self._store = PostgresEventStore(database, schema=SCHEMA, now=parts.now)
        outbox = Outbox(database.relay)
        self._background = Background(self._store, outbox)
        self._relay = Relay(outbox, parts.transport, parts.signer, now=parts.now, new_id=parts.new_id)
        self._store.on_commit(self._relay.wake)
        self._sequencer = Sequencer(database.relay)
        self._store.on_commit(self._sequencer.wake)
        index = PostgresIndex(self._store)
        catalogue = load(settings.instrument_directories)
        desk = Desk(
            parts,
            gate,
            self._store,
            index,
            amendments.Amendments(self._store),
            catalogue,
            settings,
            PostgresRiskIndex(self._store),
        )
        self._worker = AssessmentWorker(index, StrainDetection(desk))
        self._risks = RiskWatch(desk)
        registry = CollectorRegistry()
        refused = Counter("messages_refused_total", "Messages forged or parked", ["why", "topic"], registry=registry)
        self._consumer = Consumer(
            self.name,
            [SESSION_NOTES, CONSENT, AUDIT],
            store=self._store,
            transport=parts.transport,
            verifier=parts.verifier,
            handlers={
                SESSION_HELD: schedule_measure(desk),
                **amendments.HANDLERS,
                **risk_table.HANDLERS,
                KEY_SHREDDED: erasure_handler(parts, tables=_DERIVED),
            },
            on_forged=lambda _, topic: refused.labels("forged", topic).inc(),
            on_poison=lambda _, topic: refused.labels("parked", topic).inc(),
            now=parts.now,
        )
        self._orders = ParkedOrders(outbox, self._consumer, service=self.name, now=parts.now)
        self._watch = EventWatch(registry, outbox, self._relay, self._sequencer, self._consumer)
        app = create_app(
            self.name,
            _DESCRIPTION,
            new_id=parts.new_id,
            checks={"database": self._store.ready, "background": self._background.running},
            registry=registry,
            tokens=parts.tokens,
        )
        surface = Surface(
            desk, Idempotency(self._store, parts.secret), Cursors(parts.secret), on_assessment_due=self._worker.wake
        )
        for routes in (instrument_routes, administration_routes, client_routes, outcome_routes, risk_routes, export_routes):
            app.include_router(routes(surface))
        self.app: ASGIApp = app

    async def start(self) -> None:
        await self._background.start(
            self._consumer.run,
            self._relay.run,
            self._sequencer.run,
            self._watch.run,
            self._orders.run,
            self._risks.run,
            self._worker.run,
        )

    async def stop(self) -> None:
        await self._background.stop()


def build(parts: Parts, settings: Settings | None = None) -> AllianceMeasurement:
    """Unwired without a gate or a database: nothing may be written or read without a decision."""
    if parts.gate is None:
        raise Unwired("alliance_measurement does nothing without the gate: give it one")
    if parts.database is None:
        raise Unwired("alliance_measurement needs its database")
    return AllianceMeasurement(parts, settings or Settings(), parts.database, parts.gate)
