"""consent put together."""

from typing import Any, Final

from fastapi import Request
from prometheus_client import CollectorRegistry, Counter

from services.consent.adapters.conditional_creates import PostgresConditionalCreates
from services.consent.adapters.migrations import SCHEMA
from services.consent.adapters.person_table import PostgresPersons
from services.consent.adapters.read_model import PostgresAnswers, PostgresDeadlines, PostgresPolicyHeads, PostgresRecordIndex
from services.consent.api import (
    amendments,
    consent_life,
    consents,
    directory,
    exporting,
    fhir,
    people,
    policy_feed,
    relationships,
)
from services.consent.api.answers import handle_domain_errors
from services.consent.api.callers import Callers
from services.consent.api.dossiers import Served
from services.consent.api.policy_feed import VerifyService
from services.consent.application.capacities import Capacities
from services.consent.application.consents import Consents
from services.consent.application.consequences import Consequences
from services.consent.application.dossier import Dossier
from services.consent.application.exporting import Kept, sources
from services.consent.application.fhir_reading import FhirReading
from services.consent.application.fhir_writing import FhirWriting
from services.consent.application.people_views import AMENDMENTS, REPRESENTATIVES, RESTRICTIONS
from services.consent.application.persons import Persons
from services.consent.application.policy_feed import PolicyFeedReader
from services.consent.application.policy_stream import PolicyStream
from services.consent.application.reading import Reading
from services.consent.application.relationships import Relationships
from services.consent.application.standings import Standings
from services.consent.settings import Settings
from shared.contracts.audit import KEY_SHREDDED
from shared.contracts.records import ServiceName
from shared.contracts.topics import AUDIT
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.outbox import Outbox
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.sequencer import Sequencer
from shared.export.serving import Exporter
from shared.gate.port import Gate
from shared.http.app import create_app
from shared.http.cursor import Cursors
from shared.http.idempotency import Idempotency
from shared.http.service_callers import verify_service as verify_caller
from shared.identity.assertions import ServiceVerifier
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from shared.messaging.consumer import Consumer
from shared.messaging.parked_orders import ParkedOrders
from shared.messaging.relay import Relay
from shared.service.background import Background
from shared.service.erasure import erasure_handler
from shared.service.parts import ASGIApp, Parts, Unwired
from shared.service.watch import EventWatch

_DESCRIPTION: Final = "What clients agree to, who is related to them, and how both are withdrawn: what the gate decides by."


class Consent:
    """`Service`: its app, relay and consumer over one database."""

    def __init__(
        self, parts: Parts, settings: Settings, database: DatabaseUrls, gate: Gate, verify_service: VerifyService
    ) -> None:
        self.name = str(ServiceName.CONSENT)
        store = self._store = PostgresEventStore(database, schema=SCHEMA, now=parts.now)
        index = PostgresRecordIndex(store)
        heads, deadlines = PostgresPolicyHeads(store), PostgresDeadlines(store)
        policy = PolicyStream(parts, store, gate, heads)
        self.consequences = Consequences(parts, store, index=index, policy=policy, heads=heads, deadlines=deadlines)
        """what happens when a time comes; looked at every few seconds"""
        self._deadline_seconds = settings.deadline_seconds
        self.policy_feed = PolicyFeedReader(store)
        """what the gate reads in the embedded run"""
        outbox = Outbox(database.relay)
        self._background = Background(store, outbox)
        self._relay = Relay(
            outbox,
            parts.transport,
            parts.signer,
            heartbeat=policy.heartbeat,
            heartbeat_seconds=settings.heartbeat_seconds,
            now=parts.now,
            new_id=parts.new_id,
        )
        store.on_commit(self._relay.wake)
        self._sequencer = Sequencer(database.relay)
        store.on_commit(self._sequencer.wake)
        registry = CollectorRegistry()
        refused = Counter("messages_refused_total", "Messages forged or parked", ["why", "topic"], registry=registry)
        self._consumer = Consumer(
            self.name,
            [AUDIT],
            store=store,
            transport=parts.transport,
            verifier=parts.verifier,
            # ids and policy stay: nothing else here was derived from sealed words
            handlers={KEY_SHREDDED: erasure_handler(parts)},
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
            checks={"database": store.ready, "background": self._background.running},
            registry=registry,
            tokens=parts.tokens,
        )
        handle_domain_errors(app)
        persons = Persons(parts, store, PostgresPersons(store))
        reading = Reading(parts, store, gate, index=index, persons=persons)
        idempotency, cursors = Idempotency(store, parts.secret), Cursors(parts.secret)
        callers = Callers(parts.tokens, persons)
        handling = Consents(parts, store, gate, index=index, policy=policy, answers=PostgresAnswers(), deadlines=deadlines)
        app.include_router(
            consents.router(consents=handling, reading=reading, idempotency=idempotency, cursors=cursors, callers=callers)
        )
        app.include_router(consent_life.router(consents=handling, idempotency=idempotency, callers=callers))
        acting = Dossier(REPRESENTATIVES, parts, store, gate, index=index, policy=policy, deadlines=deadlines)
        keeping = Dossier(RESTRICTIONS, parts, store, gate, index=index, policy=policy, deadlines=deadlines)
        amending = Dossier(AMENDMENTS, parts, store, gate, index=index, policy=policy, deadlines=deadlines)
        capable = Capacities(parts, store, gate, index=index, policy=policy, consequences=self.consequences)

        def served(name: str, dossier: Dossier[Any]) -> Served:
            return Served(name, dossier, idempotency=idempotency, cursors=cursors, callers=callers)

        app.include_router(people.representatives(served("representatives", acting), acting, Standings(store, index), parts))
        app.include_router(people.capacities(capable, callers, idempotency))
        app.include_router(people.restrictions(served("restrictions", keeping), keeping, parts))
        app.include_router(amendments.router(served("amendment-requests", amending), amending, parts))
        app.include_router(directory.router(persons=persons, callers=callers, cursors=cursors))
        app.include_router(
            relationships.router(
                relationships=Relationships(parts, store, gate, index=index, policy=policy),
                reading=reading,
                idempotency=idempotency,
                cursors=cursors,
                callers=callers,
            )
        )
        fhir_reading = FhirReading(parts, store, gate, index=index)
        fhir_writing = FhirWriting(
            store, consents=handling, reading=fhir_reading, creates=PostgresConditionalCreates(store), now=parts.now
        )
        app.include_router(
            fhir.router(
                reading=fhir_reading,
                writing=fhir_writing,
                idempotency=idempotency,
                cursors=cursors,
                callers=callers,
                public_url=parts.public_url,
            )
        )
        kept = Kept(parts, store, index, persons)
        exporter = Exporter(ServiceName.CONSENT, gate, sources(kept), parts.now)
        app.include_router(exporting.router(exporter=exporter, callers=callers))
        app.include_router(policy_feed.router(feed=self.policy_feed, verify_service=verify_service))
        self.app: ASGIApp = app

    async def start(self) -> None:
        await self._background.start(
            self._consumer.run,
            self._relay.run,
            self._sequencer.run,
            self._watch.run,
            self._orders.run,
            self._watch_deadlines,
        )

    async def stop(self) -> None:
        await self._background.stop()

    async def _watch_deadlines(self) -> None:
        await self.consequences.run(self._deadline_seconds)


def gate_only(parts: Parts, keys: ServiceKeys, directory: ServiceDirectory) -> VerifyService:
    """Lets the gate alone read the policy feed."""
    verifier = ServiceVerifier(keys, directory, clock=lambda: parts.now().timestamp())

    async def verify(request: Request) -> ServiceName:
        return await verify_caller(request, verifier, frozenset({ServiceName.AUDIT_LOG}))

    return verify


def build(parts: Parts, settings: Settings | None = None, *, verify_service: VerifyService = policy_feed.nobody) -> Consent:
    """Unwired without a gate or a database. `verify_service` guards the policy feed (`gate_only`); without it the feed is
    read within the process alone."""
    if parts.gate is None:
        raise Unwired("consent does nothing without the gate: give it one")
    if parts.database is None:
        raise Unwired("consent needs its database")
    return Consent(parts, settings or Settings(), parts.database, parts.gate, verify_service)
