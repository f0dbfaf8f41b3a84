"""A whole audit_log service on fresh databases, its consent feed, people with tokens, and a service that asks."""

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from services.audit_log.bootstrap import AuditLogService, build
from services.audit_log.gate.application.disclosure import DisclosureGate, Steps
from services.audit_log.keyring.adapters.kms.file import FileKms
from services.audit_log.keyring.adapters.kms.port import Kms
from services.audit_log.settings import Settings
from shared.contracts.consent_policy import (
    ConsentKind,
    ConsentSet,
    ConsentStatus,
    Period,
    Policy,
    PolicyChange,
    PolicyFeedItem,
    PolicyFeedPage,
    RelationshipRole,
    RelationshipSet,
)
from shared.contracts.disclosure import Action, Caller, DisclosureAnswer, DisclosureRequest, RecordKey, RecordRef
from shared.contracts.records import RecordType, ServiceName
from shared.identity.development import AUDIENCE, ISSUER, DevelopmentIssuer
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from shared.identity.tokens import KeySource, StaticKeys, TokenVerifier
from shared.messaging.in_process import InProcessBus
from shared.messaging.signature import EventSigner, EventVerifier, SignatureVerifier
from shared.service import clock
from shared.service.parts import DatabaseUrls, Parts
from tests.support.postgres import Postgres

KEYS = {name: ServiceKeys.from_seed(name, sha256(name.encode()).digest()) for name in ServiceName}
DIRECTORY = ServiceDirectory({name: keys.public() for name, keys in KEYS.items()})
NOTES, ALLIANCE, CONSENT = ServiceName.SESSION_NOTES, ServiceName.ALLIANCE, ServiceName.CONSENT


class Feed:
    """The consent service's feed, as it answers the gate; `down` while it does not."""

    def __init__(self) -> None:
        self.items: dict[str, list[PolicyFeedItem]] = {}
        self.down = False
        self.reads = 0

    def add(self, tenant: str, change: PolicyChange) -> int:
        items = self.items.setdefault(tenant, [])
        items.append(PolicyFeedItem(sequence=len(items) + 1, event_id=uuid4(), change=change))
        return len(items)

    async def read(self, tenant: str, after: int) -> PolicyFeedPage:
        self.reads += 1
        if self.down:
            raise ConnectionError("away")
        items = self.items.get(tenant, [])
        return PolicyFeedPage(tenant=tenant, items=tuple(items[after : after + 2]), head=len(items))


@dataclass
class Clock:
    """The real clock, which a test may move."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class World:
    """One tenant's practice at a gate. `steps` may be replaced for one test: `world.without(...)`."""

    service: AuditLogService
    feed: Feed
    clock: Clock
    issuer: DevelopmentIssuer
    bus: InProcessBus
    tenant: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}")
    client: str = field(default_factory=lambda: str(uuid4()))
    databases: dict[str, DatabaseUrls] = field(default_factory=dict)
    """of a world that is a test's own"""

    def token(self, sub: str, role: str, **claims: Any) -> str:
        return self.issuer.token({"sub": sub, "role": role, "tenant": self.tenant, **claims})

    def client_token(self) -> str:
        return self.token("u-client", "client", client_id=self.client)

    async def agreed(self, *changes: PolicyChange) -> None:
        """Policy changes that the gate knows of when this returns."""
        for change in changes:
            self.feed.add(self.tenant, change)
        await self.service.direct_gate(CONSENT).confirm_policy(self.tenant, len(self.feed.items[self.tenant]))

    def relation(self, sub: str, role: str = "therapist", *, client: str | None = None, **other: Any) -> RelationshipSet:
        start = self.clock.now() - timedelta(days=1)
        values = {"relationship_id": uuid4(), "practitioner_id": sub, "role": RelationshipRole(role), "start": start, "at": start}
        return RelationshipSet(client_id=UUID(client or self.client), **(values | other))

    def consent(self, kind: str = "treatment", *, client: str | None = None, **other: Any) -> ConsentSet:
        start = self.clock.now() - timedelta(days=1)
        values: dict[str, Any] = {
            "consent_id": uuid4(),
            "kind": ConsentKind(kind),
            "status": ConsentStatus.ACTIVE,
            "policy": Policy(base="permit"),
            "period": Period(start=start),
            "at": start,
        }
        return ConsentSet(client_id=UUID(client or self.client), **(values | other))

    async def usual(self) -> None:
        """Two therapists in charge, treatment and measurement consented."""
        await self.agreed(self.relation("t-rivera"), self.relation("t-okafor"), self.consent(), self.consent("measurement"))

    def ref(self, kind: str = "progress_note", *, record: str | None = None, client: str | None = None, **more: Any) -> RecordRef:
        return RecordRef(record_id=record or str(uuid4()), client_id=client or self.client, record_type=RecordType(kind), **more)

    async def ask(
        self,
        token: str | None,
        action: Action,
        *refs: RecordRef,
        service: ServiceName = NOTES,
        steps: Steps | None = None,
        purpose: str | None = None,
        subjects: Iterable[str] = (),
        job: str | None = None,
        link: str | None = None,
        sealed_for: str | None = None,
    ) -> DisclosureAnswer:
        request = DisclosureRequest(
            tenant=self.tenant,
            action=action,
            caller=Caller(token=token, job=job, link=link),
            request_id="r-1",
            records=refs,
            subjects=tuple(subjects),
            purpose=purpose,
            sealed_for=sealed_for,
        )
        if steps is None:
            return await self.service.direct_gate(service).disclose(request)
        return await DisclosureGate(steps, now=self.clock.now).disclose(service, request)

    async def note(
        self, author: str = "t-rivera", *, client: str | None = None, kind: str = "progress_note"
    ) -> tuple[RecordRef, RecordKey]:
        """A note that its author wrote: the reference by which it is asked for, and its key."""
        ref = self.ref(kind, client=client)
        answer = await self.ask(self.token(author, "therapist"), Action.CREATE, ref)
        (key,) = answer.keys
        return ref, key


@asynccontextmanager
async def running(
    postgres: Postgres,
    folder: Path,
    *,
    verifier: EventVerifier = SignatureVerifier(DIRECTORY),
    kms: Kms | None = None,
    settings: Settings | None = None,
    token_issuer: str = ISSUER,
    token_keys: KeySource | None = None,
    public_url: str = "http://127.0.0.1:8100",
) -> AsyncIterator[World]:
    urls = await postgres.make_databases("audit_log", "keyring")
    moved, feed, bus = Clock(), Feed(), InProcessBus()
    issuer = DevelopmentIssuer(sha256(b"issuer").digest(), clock=clock.seconds, new_id=clock.new_id)
    parts = Parts(
        database=urls["audit_log"],
        transport=bus,
        signer=EventSigner(KEYS[ServiceName.AUDIT_LOG]),
        verifier=verifier,
        tokens=TokenVerifier(
            token_keys or StaticKeys(issuer.jwks()), issuer=token_issuer, audience=AUDIENCE, clock=clock.seconds
        ),
        gate=None,
        now=moved.now,
        new_id=clock.new_id,
        random=clock.random,
        public_url=public_url,
        secret=KEYS[ServiceName.AUDIT_LOG].secret,
    )
    service = build(
        parts,
        keyring_database=urls["keyring"],
        kms=kms or FileKms(folder / "kms.json", environment="test", random=clock.random),
        feed=feed,
        anchor_dir=folder / "anchors",
        log_seed=sha256(b"log").digest(),
        directory=DIRECTORY,
        keys=KEYS[ServiceName.AUDIT_LOG],
        settings=settings,
    )
    await bus.start()
    await service.start()
    try:
        yield World(service, feed, moved, issuer, bus, databases=urls)
    finally:
        await service.stop()
        await bus.stop()
