"""audit_log put together: keyring, ledger, gate and what they listen to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from services.audit_log.assurance.adapters import receipt_table
from services.audit_log.assurance.application.harm_alarms import HarmAlarms
from services.audit_log.assurance.application.receipts import Receipts, message_alarm
from services.audit_log.assurance.application.risk_alarms import RiskAlarms
from services.audit_log.bootstrap_late import Late
from services.audit_log.bootstrap_ledger import LedgerCare
from services.audit_log.break_glass.adapters.grant_table import GrantTable
from services.audit_log.break_glass.adapters.review_table import ReviewTable
from services.audit_log.break_glass.api import grants
from services.audit_log.break_glass.api.reviews import reviews_router
from services.audit_log.break_glass.application.grants import BreakGlass
from services.audit_log.break_glass.application.reviews import Reviewing
from services.audit_log.decision.adapters.policy_log import PolicyLog
from services.audit_log.decision.adapters.release_table import ReleaseTable
from services.audit_log.decision.adapters.tenant_rules_table import TenantRulesTable
from services.audit_log.decision.api.explanations import explanations_router
from services.audit_log.decision.application.explanations import Explanations
from services.audit_log.decision.application.policy_projection import PolicyFeed, PolicyProjection
from services.audit_log.decision.application.tenant_settings import TenantSettings
from services.audit_log.erasure.api import erasures
from services.audit_log.erasure.application import erasures as erasing
from services.audit_log.erasure.application.retention import PackRetention
from services.audit_log.gate.adapters.record_registry import RecordRegistry
from services.audit_log.gate.api import disclosures
from services.audit_log.gate.application.direct import DirectGate
from services.audit_log.gate.application.disclosure import DisclosureGate, Steps
from services.audit_log.gate.application.identity import CallerIdentity, JobCaps, RolePurposes, ScopesOfToken
from services.audit_log.gate.application.releases import Releases
from services.audit_log.gate.application.steps_in_force import DurableLedger, PolicyDecision, RecordKeyScope
from services.audit_log.gate.application.token_caches import end_caches
from services.audit_log.keyring.adapters.keyring import PostgresKeyring
from services.audit_log.keyring.adapters.kms.port import Kms
from services.audit_log.keyring.api.index_keys import index_keys_router
from services.audit_log.ledger.adapters.checkpoint_anchor import FileAnchor
from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.api.access import Desk
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.domain.entry import SYSTEM_TENANT, Entry
from services.audit_log.migrations import SCHEMA
from services.audit_log.officers.adapters.case_table import CaseTable
from services.audit_log.officers.bootstrap import Review
from services.audit_log.open_notes.adapters.note_table import NoteTable
from services.audit_log.open_notes.api.holds import holds_router
from services.audit_log.open_notes.application.holding import Holding
from services.audit_log.practice.adapters.practice_table import PracticeTable
from services.audit_log.practice.api.practice import practice_router
from services.audit_log.practice.application.practice import Practice, SecondPerson
from services.audit_log.settings import Settings
from shared.contracts.records import ServiceName
from shared.contracts.topics import CONSENT_POLICY, RECEIPTS
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.outbox import Outbox
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.sequencer import Sequencer
from shared.http.app import create_app
from shared.http.cursor import Cursors
from shared.http.idempotency import Idempotency
from shared.http.lane import Lane
from shared.identity.assertions import ServiceVerifier
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from shared.messaging.consumer import Consumer
from shared.messaging.parked_orders import ParkedOrders
from shared.messaging.relay import Relay
from shared.service.parts import ASGIApp, Parts, Unwired
from shared.service.watch import EventWatch

_DESCRIPTION: Final = "The gate: decides on every disclosure, writes it down, and only then releases the record's key."
_log = logging.getLogger("audit_log")


class AuditLogService:
    """`Service`, and the gate of all others."""

    def __init__(
        self,
        parts: Parts,
        database: DatabaseUrls,
        *,
        keyring_database: DatabaseUrls,
        kms: Kms,
        feed: PolicyFeed,
        anchor_dir: Path,
        log_seed: bytes,
        retiring_seeds: Sequence[bytes],
        directory: ServiceDirectory,
        keys: ServiceKeys,
        settings: Settings,
        closing: Sequence[Callable[[], Awaitable[None]]],
    ) -> None:
        self.name = str(ServiceName.AUDIT_LOG)
        self._now, self._closing = parts.now, closing
        self._store = PostgresEventStore(database, schema=SCHEMA, now=parts.now)
        self._keyring = PostgresKeyring(
            keyring_database,
            kms,
            now=parts.now,
            random=parts.random,
            new_id=parts.new_id,
            rotation=settings.key_rotation,
        )
        self._ledger = PostgresLedger(
            database,
            seed=log_seed,
            retiring_seeds=retiring_seeds,
            origin_prefix=settings.log_origin or urlsplit(parts.public_url).netloc.replace(":", "-"),
            anchor=FileAnchor(anchor_dir),
            random=parts.random,
        )
        ledger = DurableLedger(self._ledger)
        choices = ReleaseTable(self._store, delay=settings.release_delay)
        granted = GrantTable(self._store, now=parts.now)
        identity = CallerIdentity(parts.tokens, JobCaps())
        self._policy = PolicyProjection(
            PolicyLog(self._store, self._ledger, now=parts.now),
            feed,
            now=parts.now,
            on_change=lambda c: end_caches(parts.tokens, c),
        )
        practices, idempotency = PracticeTable(self._store), Idempotency(self._store, parts.secret)
        second = SecondPerson(practices)
        notes = NoteTable(self._store)
        rules, registry = TenantRulesTable(self._store, now=parts.now), RecordRegistry(self._store)
        self.steps = Steps(
            identity=identity,
            reach=ScopesOfToken(),
            registry=registry,
            purpose=RolePurposes(),
            freshness=self._policy,
            policy=PolicyDecision(self._policy, choices, granted, rules, practices, notes),
            ledger=ledger,
            scope=RecordKeyScope(self._keyring),
        )
        """what the gate is made of"""
        self._gate = DisclosureGate(self.steps, now=parts.now)
        self._releases = Releases(identity, choices, ledger, registry, now=parts.now)
        self._erasures = erasing.Erasures(
            self._store,
            self._ledger,
            self._keyring,
            retention=PackRetention(rules.laws, self._policy.policy, now=parts.now),
            likenesses=CaseTable(self._store),
            clients=registry,
            idempotency=idempotency,
            second=second,
            now=parts.now,
            new_id=parts.new_id,
        )
        self.care = LedgerCare(
            parts, self._ledger, self._store, self._erasures.holds, registry, settings, database.app, anchor_dir
        )
        """what runs beside the ledger"""
        led = self.care.led
        self.late = Late(parts, self._store, self._ledger, self._keyring, self.steps, registry, self._policy, led, settings)
        """what was written while the gate was away"""
        self._outbox = Outbox(database.relay)
        self._relay = Relay(self._outbox, parts.transport, parts.signer, now=parts.now, new_id=parts.new_id)
        self._store.on_commit(self._relay.wake)
        self._sequencer = Sequencer(database.relay)
        self._store.on_commit(self._sequencer.wake)
        receipts = Receipts(self._ledger, ledger, receipt_table.received, now=parts.now)
        self._consumer = Consumer(
            self.name,
            [CONSENT_POLICY, RECEIPTS],
            store=self._store,
            transport=parts.transport,
            verifier=parts.verifier,
            handlers={
                **self._policy.handlers(),
                **receipts.handlers(),
                **RiskAlarms(ledger, now=parts.now).handlers(),
                **HarmAlarms(ledger, now=parts.now).handlers(),
                **self.late.handlers(),
                **erasing.handlers(self._erasures),
            },
            on_forged=lambda reason, topic: self._alarm("forged-message", reason, topic),
            on_poison=lambda error, topic: self._alarm("message-parked", error, topic),
            now=parts.now,
        )
        metrics = CollectorRegistry()
        self._orders = ParkedOrders(
            self._outbox, self._consumer, service=self.name, now=parts.now, on_skipped=receipts.skipped_here
        )
        self._watch = EventWatch(metrics, self._outbox, self._relay, self._sequencer, self._consumer)
        self._alarms: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Future[None]] = []
        reviews = ReviewTable(self._store)
        reviewing = Reviewing(reviews, ledger, self._ledger, now=parts.now)
        glass = BreakGlass(
            granted,
            reviews,
            ledger,
            registry,
            now=parts.now,
            new_id=parts.new_id,
            second=second,
            roles=settings.break_glass_roles,
        )
        app: Any = create_app(
            self.name,
            _DESCRIPTION,
            new_id=parts.new_id,
            checks={
                "database": self._store.ready,
                "ledger": self._ledger.ready,
                "keyring": self._keyring.ready,
                "key_encryption_key": self._keyring.fit.holds,
                "tenant_logs": self._no_log_refused,
                "background": self._running,
            },
            registry=metrics,
            tokens=parts.tokens,
        )
        verifier = ServiceVerifier(keys, directory, clock=lambda: parts.now().timestamp())
        practice = Practice(practices, ledger, now=parts.now, new_id=parts.new_id)
        app.include_router(practice_router(practice, parts.tokens, idempotency))
        holding = Holding(notes, registry, self._policy, rules, ledger, now=parts.now, new_id=parts.new_id)
        app.include_router(holds_router(holding, parts.tokens, idempotency, parts.now))
        app.include_router(grants.router(glass, parts.tokens, idempotency))
        app.include_router(erasures.router(self._erasures, Desk(self._ledger, parts.tokens, parts.now)))
        app.include_router(reviews_router(reviewing, self._ledger, parts.tokens, Cursors(parts.secret), parts.now))
        explained = Explanations(registry, self._policy, rules, choices)
        chosen = TenantSettings(rules, ledger, second=second, now=parts.now)
        # before the ledger's own pages: `/entries/{index}/explanation` and they share a prefix
        app.include_router(explanations_router(explained, chosen, self._ledger, registry, self._policy, parts.tokens, parts.now))
        app.include_router(index_keys_router(self._keyring.new_index_version, self._ledger, parts.tokens, parts.now))
        self.care.add_pages(app)
        self.review = Review(
            self._ledger,
            self._store,
            reviewing,
            explained,
            self._policy,
            parts.verifier,
            parts.tokens,
            standings=self.care.witnessing.standings,
            settings=chosen,
            reports=self.care.reports,
            asking=self.care.asking,
            handouts=self.care.handouts,
            provider=settings.sign_in,
            secret=parts.secret,
            public_url=parts.public_url,
            now=parts.now,
            random=parts.random,
        )
        """the officers' pages"""
        for router in self.review.routers:
            app.include_router(router)
        answers = disclosures.answers(verifier, self._gate, self._policy, self._releases, self.late)
        self.app: ASGIApp = Lane(app, answers, new_id=parts.new_id)

    def direct_gate(self, service: ServiceName) -> DirectGate:
        """The gate for a service in this process."""
        return DirectGate(service, self._gate, self._policy, self._releases, self.late)

    async def start(self) -> None:
        """Leads the ledger or stands by, goes on with erasures, then listens."""
        await self._store.open()
        await self._keyring.open()
        await self._ledger.open()
        await self._outbox.open()
        await self._erasures.start()
        await self.review.start()
        work = (self._relay.run, self._consumer.run, self._sequencer.run, self._watch.run, self._orders.run)
        self._tasks = [asyncio.ensure_future(each()) for each in (*work, *self.care.work(), *self.late.work())]
        # the consumer joins its topics before anybody publishes
        await asyncio.sleep(0)

    async def stop(self) -> None:
        for task in [*self._alarms, *self._tasks]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        await self.review.stop()
        await self._erasures.stop()
        await self._policy.stop()
        await self._outbox.close()
        await self.care.close()
        await self._ledger.close()
        await self._keyring.close()
        await self._store.close()
        for close in self._closing:
            await close()

    async def _no_log_refused(self) -> bool:
        """Whether every tenant is served: one whose log is refused is answered 503 (docs/operations/ledger.md)."""
        return not self._ledger.refused()

    async def _running(self) -> bool:
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    def _alarm(self, reason: str, fault: str, topic: str) -> None:
        task = asyncio.get_running_loop().create_task(self._enter(message_alarm(reason, fault, topic, self._now())))
        self._alarms.add(task)
        task.add_done_callback(self._alarms.discard)

    async def _enter(self, alarm: Entry) -> None:
        try:
            await self._ledger.append(SYSTEM_TENANT, [alarm])
        except LedgerUnavailable:
            _log.error("an alarm (%s) could not be written to the ledger", alarm.reason)


def build(
    parts: Parts,
    *,
    keyring_database: DatabaseUrls,
    kms: Kms,
    feed: PolicyFeed,
    anchor_dir: Path,
    log_seed: bytes,
    directory: ServiceDirectory,
    keys: ServiceKeys,
    settings: Settings | None = None,
    retiring_seeds: Sequence[bytes] = (),
    closing: Sequence[Callable[[], Awaitable[None]]] = (),
) -> AuditLogService:
    """`feed`: the consent service's, over HTTP or direct; `anchor_dir`: where the last checkpoints are kept, apart from the
    database; `log_seed`: 32 bytes from which the logs' signing keys are derived; `retiring_seeds`: those
    before, while both sign; `keys`: this service's own; `closing` is
    called last at its stop (the feed's connections). Unwired without a database."""
    if parts.database is None:
        raise Unwired("audit_log needs its database")
    return AuditLogService(
        parts,
        parts.database,
        keyring_database=keyring_database,
        kms=kms,
        feed=feed,
        anchor_dir=anchor_dir,
        log_seed=log_seed,
        retiring_seeds=retiring_seeds,
        directory=directory,
        keys=keys,
        settings=settings or Settings(),
        closing=closing,
    )
