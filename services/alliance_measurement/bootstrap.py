"""alliance_measurement put together."""

from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from services.alliance_measurement.administrations.adapters.index import PostgresAdministrations
from services.alliance_measurement.administrations.api.administrations import administration_routes
from services.alliance_measurement.administrations.application.choreography import schedule_measure
from services.alliance_measurement.administrations.application.ports import AdministrationDesk
from services.alliance_measurement.answering.adapters import device_table
from services.alliance_measurement.answering.api.answering import answering_routes
from services.alliance_measurement.answering.application.answering import Answering
from services.alliance_measurement.courses.adapters.prompts import StoredPrompts
from services.alliance_measurement.courses.api.courses import constants_shown, course_routes
from services.alliance_measurement.courses.application.detection import StrainDetection
from services.alliance_measurement.courses.application.ports import CourseDesk
from services.alliance_measurement.courses.application.worker import AssessmentWorker
from services.alliance_measurement.desk.adapters.tenants import PostgresTenants
from services.alliance_measurement.desk.api.surface import Surface
from services.alliance_measurement.export.api.exporting import export_routes
from services.alliance_measurement.export.application.exporting import sources
from services.alliance_measurement.fhir.api.questionnaires import questionnaire_routes
from services.alliance_measurement.instruments.adapters.definitions import load
from services.alliance_measurement.instruments.api.instruments import instrument_routes
from services.alliance_measurement.migrations import SCHEMA
from services.alliance_measurement.outcomes.adapters.table import PostgresOutcomes
from services.alliance_measurement.outcomes.api.corrections import correction_routes
from services.alliance_measurement.outcomes.api.outcomes import outcome_routes
from services.alliance_measurement.outcomes.application.ports import OutcomeDesk
from services.alliance_measurement.release.adapters.table import PostgresChoices
from services.alliance_measurement.release.api.release import release_routes
from services.alliance_measurement.release.application.ports import ReleaseDesk
from services.alliance_measurement.risk.adapters import table as risk_table
from services.alliance_measurement.risk.api.risk import risk_routes
from services.alliance_measurement.risk.application.ports import RiskDesk
from services.alliance_measurement.risk.application.watch import RiskWatch
from services.alliance_measurement.settings import Settings
from shared.contracts.audit import KEY_SHREDDED
from shared.contracts.records import KeyClass, ServiceName
from shared.contracts.session_notes import SESSION_HELD
from shared.contracts.topics import AUDIT, CONSENT, SESSION_NOTES
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.outbox import Outbox
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.sequencer import Sequencer
from shared.export.serving import Exporter
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
from shared.service.parts import ASGIApp, Parts, Unwired
from shared.service.watch import EventWatch

_DESCRIPTION: Final = "Measures of the working alliance and of outcome: scored by key, sealed, released as the client decides."
_DERIVED: Final = (
    DerivedTable("assessment_due", KeyClass.MEASURES),
    amendments.DERIVED,
    *risk_table.DERIVED,
    *device_table.DERIVED,
)


@dataclass(frozen=True, slots=True)
class Desks:
    """What the handlers of each capability are given."""

    administrations: AdministrationDesk
    courses: CourseDesk
    outcomes: OutcomeDesk
    release: ReleaseDesk
    risk: RiskDesk

    @classmethod
    def over(cls, parts: Parts, gate: Gate, store: PostgresEventStore, settings: Settings) -> "Desks":
        every = (parts, gate, store, amendments.Amendments(store), PostgresTenants(store))
        catalogue, index = load(settings.instrument_directories), PostgresAdministrations(store)
        risks = (risk_table.PostgresRiskIndex(store), catalogue)
        return cls(
            AdministrationDesk(
                *every, *risks, index, settings.scheduled_instrument, settings.most_items_a_day, settings.link_lasts
            ),
            CourseDesk(*every, index, StoredPrompts(store), catalogue, settings.strain),
            OutcomeDesk(*every, PostgresOutcomes(store), catalogue),
            ReleaseDesk(*every, PostgresChoices(store)),
            RiskDesk(*every, *risks),
        )


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
        desks = Desks.over(parts, gate, self._store, settings)
        self._worker = AssessmentWorker(desks.courses.index, desks.courses.tenants, StrainDetection(desks.courses))
        self._risks = RiskWatch(desks.risk)
        registry = CollectorRegistry()
        refused = Counter("messages_refused_total", "Messages forged or parked", ["why", "topic"], registry=registry)
        self._consumer = Consumer(
            self.name,
            [SESSION_NOTES, CONSENT, AUDIT],
            store=self._store,
            transport=parts.transport,
            verifier=parts.verifier,
            handlers={
                SESSION_HELD: schedule_measure(desks.administrations),
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
        surface = Surface(parts.tokens, Idempotency(self._store, parts.secret), Cursors(parts.secret))
        answering = Answering(desks.administrations, device_table.PostgresDevices(self._store), desks.release.index)
        for routes in (
            instrument_routes(surface, desks.courses.catalogue, constants_shown(settings.strain)),
            questionnaire_routes(surface, desks.courses.catalogue, public_url=parts.public_url),
            administration_routes(surface, desks.administrations, self._worker.wake),
            answering_routes(surface, answering, self._worker.wake),
            outcome_routes(surface, desks.outcomes),
            correction_routes(surface, desks.outcomes),
            course_routes(surface, desks.courses),
            release_routes(surface, desks.release),
            risk_routes(surface, desks.risk),
            export_routes(surface, self._exporter(desks, parts, gate)),
        ):
            app.include_router(routes)
        self.app: ASGIApp = app

    @staticmethod
    def _exporter(desks: Desks, parts: Parts, gate: Gate) -> Exporter:
        every = sources(desks.administrations, desks.courses, desks.outcomes, desks.risk, desks.release)
        return Exporter(ServiceName.ALLIANCE, gate, every, parts.now)

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
