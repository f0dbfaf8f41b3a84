"""session_notes put together."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter

from services.session_notes.bootstrap_course import COURSE_ROUTES, course_sources
from services.session_notes.clients.adapters.client_index import PostgresClientIndex
from services.session_notes.clients.api.clients import client_routes
from services.session_notes.clients.application.indexing import Reindexing
from services.session_notes.course.adapters.table import PostgresCourse
from services.session_notes.course.application.records import Courses
from services.session_notes.desk.adapters.index import PostgresIndex
from services.session_notes.desk.api.surface import Surface
from services.session_notes.desk.application.ports import Desk
from services.session_notes.downtime.adapters.waiting_table import emptied
from services.session_notes.downtime.build import WaitingForGate
from services.session_notes.events import COURSE_EVENTS
from services.session_notes.export.api.exporting import export_routes
from services.session_notes.migrations import SCHEMA
from services.session_notes.notes.api.drafting import drafting_routes
from services.session_notes.notes.api.drafts import draft_routes
from services.session_notes.notes.api.notes import note_routes
from services.session_notes.projection import project
from services.session_notes.prompts.application.prompts import keep_prompts
from services.session_notes.sessions.api.corrections import correction_routes
from services.session_notes.sessions.api.sessions import session_routes
from services.session_notes.settings import Settings
from services.session_notes.working_day.adapters.queries import PostgresWorkingDay
from services.session_notes.working_day.api.routes import working_day_routes
from shared.contracts.alliance import PROMPT_PREPARED
from shared.contracts.audit import KEY_SHREDDED
from shared.contracts.records import KeyClass, ServiceName
from shared.contracts.topics import ALLIANCE, AUDIT, CONSENT
from shared.eventstore.databases import DatabaseUrls
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
from shared.service.parts import ASGIApp, Parts, Unwired
from shared.service.watch import EventWatch

_DESCRIPTION: Final = "Clients, sessions and the two kinds of notes: each sealed by record, opened only through the gate."


_DERIVED: Final = (
    DerivedTable("prompt", KeyClass.MEASURES),
    DerivedTable("client_index", KeyClass.IDENTITY),
    amendments.DERIVED,
)


class SessionNotes:
    """`Service`: its app, relay and consumer over one database."""

    def __init__(self, parts: Parts, settings: Settings, database: DatabaseUrls, gate: Gate) -> None:
        self.name = str(ServiceName.SESSION_NOTES)
        self._store = PostgresEventStore(database, schema=SCHEMA, now=parts.now)
        outbox = Outbox(database.relay)
        self._background = Background(self._store, outbox)
        self._relay = Relay(outbox, parts.transport, parts.signer, now=parts.now, new_id=parts.new_id)
        self._store.on_commit(self._relay.wake)
        self._sequencer = Sequencer(database.relay)
        self._store.on_commit(self._sequencer.wake)
        registry = CollectorRegistry()
        self._waiting: WaitingForGate | None = None
        if parts.late_gate is not None:
            self._waiting = WaitingForGate(parts, self._store, database, parts.late_gate, settings, registry)
        downtime = self._waiting.downtime if self._waiting else None
        desk = Desk(parts, gate, self._store, PostgresIndex(self._store, project), amendments.Amendments(self._store), downtime)
        self._late_work = self._waiting.work(desk) if self._waiting else []
        index = PostgresClientIndex(self._store)
        self._reindexing = Reindexing(desk, index)
        refused = Counter("messages_refused_total", "Messages forged or parked", ["why", "topic"], registry=registry)
        self._consumer = Consumer(
            self.name,
            [ALLIANCE, AUDIT, CONSENT],
            store=self._store,
            transport=parts.transport,
            verifier=parts.verifier,
            handlers={
                PROMPT_PREPARED: keep_prompts(desk),
                **amendments.HANDLERS,
                KEY_SHREDDED: erasure_handler(parts, tables=_DERIVED, also=emptied),
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
            told=self._waiting.told() if self._waiting else {},
        )
        surface = Surface(desk, settings, Idempotency(self._store, parts.secret), Cursors(parts.secret))
        app.include_router(client_routes(surface, index, self._reindexing))
        courses = Courses(desk, PostgresCourse(self._store), COURSE_EVENTS)
        app.include_router(working_day_routes(surface, PostgresWorkingDay(self._store), courses.index))
        for routes in (session_routes, draft_routes, correction_routes, note_routes, drafting_routes):
            app.include_router(routes(surface))
        for course_routes in COURSE_ROUTES:
            app.include_router(course_routes(surface, courses))
        app.include_router(export_routes(surface, course_sources(courses)))
        self.app: ASGIApp = app

    async def start(self) -> None:
        work = (self._consumer.run, self._relay.run, self._sequencer.run, self._watch.run, self._orders.run)
        await self._background.start(*work, self._reindexing.run, *self._late_work)

    async def stop(self) -> None:
        await self._background.stop()
        if self._waiting is not None:
            await self._waiting.close()


def build(parts: Parts, settings: Settings | None = None) -> SessionNotes:
    """Unwired without a gate or a database: nothing may be written or read without a decision."""
    if parts.gate is None:
        raise Unwired("session_notes does nothing without the gate: give it one")
    if parts.database is None:
        raise Unwired("session_notes needs its database")
    return SessionNotes(parts, settings or Settings(), parts.database, parts.gate)
