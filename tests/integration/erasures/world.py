"""The audit log's part in an erasure on real databases, over HTTP; and the services that hold derived data."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import orjson
from joserfc import jwt
from joserfc.jwk import OKPKey

from services.audit_log.decision.domain.policy import TenantPolicy
from services.audit_log.erasure.api.erasures import router
from services.audit_log.erasure.application.erasures import Erasures, handlers
from services.audit_log.erasure.application.retention import PackRetention
from services.audit_log.erasure.domain.erasure import HOLDERS
from services.audit_log.gate.adapters.record_registry import RecordRegistry
from services.audit_log.keyring.adapters.keyring import PostgresKeyring
from services.audit_log.keyring.adapters.kms.file import FileKms
from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.api.access import Desk
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.application.ports import KeyringUnavailable
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.officers.adapters.case_table import CaseTable
from services.audit_log.practice.adapters.practice_table import PracticeTable
from services.audit_log.practice.application.practice import SecondPerson
from shared.contracts.receipts import ERASURE_ACKNOWLEDGED, ErasureAcknowledged
from shared.contracts.records import KeyClass, ServiceName
from shared.contracts.topics import AUDIT, RECEIPTS
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.outbox import Outbox
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.store import EventStore
from shared.http import idempotency
from shared.http.app import create_app
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from shared.identity.tokens import StaticKeys, TokenVerifier
from shared.messaging.consumer import Consumer
from shared.messaging.in_process import InProcessBus
from shared.messaging.port import Message
from shared.messaging.relay import Relay
from shared.messaging.signature import EventSigner, SignatureVerifier
from shared.service import clock
from shared.service.erasure import erasure_handler
from shared.service.parts import Parts
from tests.support.clients import registered
from tests.support.http import serving
from tests.support.ledger import entry, ledger_on
from tests.support.messaging import running

OFFICER = "compliance_officer"
NOTES, PRIVATE, MEASURES = KeyClass.PROGRESS_NOTE, KeyClass.PSYCHOTHERAPY_NOTE, KeyClass.MEASURES
SIGNING = OKPKey.generate_key("Ed25519", {"kid": "test", "alg": "Ed25519"})
KEYS = {n: ServiceKeys.from_seed(n, str(n).encode().ljust(32, b".")) for n in ServiceName}
DIRECTORY = ServiceDirectory({n: k.public() for n, k in KEYS.items()})


def token(sub: str, tenant: str, role: str = OFFICER) -> str:
    claims = {"iss": "test", "aud": "test", "exp": int(clock.seconds()) + 600, "sub": sub, "tenant": tenant, "role": role}
    return jwt.encode({"alg": "Ed25519", "kid": "test"}, claims, SIGNING, ["Ed25519"])


TOKENS = TokenVerifier(
    StaticKeys({"keys": [SIGNING.as_dict(private=False)]}), issuer="test", audience="test", clock=clock.seconds
)


@dataclass(frozen=True)
class Said:
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class Chosen:
    """The retention of a tenant whose packs and consents are set here."""

    laws: frozenset[str] = frozenset({"us-federal"})
    policy: TenantPolicy = field(default_factory=TenantPolicy)

    def retention(self) -> PackRetention:
        async def laws(_: str) -> frozenset[str]:
            return self.laws

        async def policy(_: str) -> TenantPolicy:
            return self.policy

        return PackRetention(laws, policy, now=clock.now)


@dataclass
class World:
    audit: DatabaseUrls
    keys: DatabaseUrls
    kms: FileKms
    store: PostgresEventStore
    ledger: PostgresLedger
    keyring: PostgresKeyring
    erasures: Erasures
    session: aiohttp.ClientSession
    url: str
    tenant: str
    chosen: Chosen

    async def call(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        sub: str = "officer-ada",
        tenant: str = "",
        role: str = "compliance_officer",
        registers: bool = True,
        **headers: str,
    ) -> Said:
        """`registers`: the client whom the body names is registered beforehand."""
        if registers and isinstance(body, dict) and "client_id" in body:
            with suppress(ValueError):
                await registered(self.store, tenant or self.tenant, [str(UUID(body["client_id"]))])
        sent = {"Authorization": f"Bearer {token(sub, tenant or self.tenant, role)}", "Content-Type": "application/json"}
        sent |= {k.replace("_", "-"): v for k, v in headers.items()}
        data = body if isinstance(body, bytes) else None if body is None else orjson.dumps(body)
        async with self.session.request(verb, self.url + path, data=data, headers=sent) as got:
            raw = await got.read()
            return Said(got.status, got.headers.copy(), orjson.loads(raw) if raw else None)

    async def ask(self, client_id: UUID, *classes: str, **more: Any) -> Said:
        body = {"client_id": str(client_id), "key_classes": list(classes or (NOTES, MEASURES)), "basis": "GDPR 17(1)(b)"}
        return await self.call("POST", "/v1/erasures", body, **more)

    async def approve(self, erasure_id: str, sub: str = "officer-ben", **more: Any) -> Said:
        return await self.call("POST", f"/v1/erasures/{erasure_id}/approvals", sub=sub, **more)

    async def show(self, erasure_id: str, **more: Any) -> Any:
        said = await self.call("GET", f"/v1/erasures/{erasure_id}", **more)
        return said.body

    async def actions(self) -> list[tuple[str, str, str]]:
        """Action, outcome and agent of the tenant's entries on erasures, oldest first; looks apart."""
        found = await self.ledger.search(self.tenant, Filters(kinds=("erasure",)), limit=100)
        return [(s.entry.action, s.entry.outcome, s.entry.agent) for s in reversed(found)]

    def again(self) -> Erasures:
        """As after a restart, or in another process."""
        return make_erasures(self.store, self.ledger, self.keyring, self.chosen)


def make_erasures(
    store: PostgresEventStore, ledger: PostgresLedger, keyring: PostgresKeyring, chosen: Chosen | None = None
) -> Erasures:
    return Erasures(
        store,
        ledger,
        keyring,
        retention=(chosen or Chosen()).retention(),
        likenesses=CaseTable(store),
        clients=RecordRegistry(store),
        idempotency=idempotency.Idempotency(store, b"s" * 32),
        second=SecondPerson(PracticeTable(store)),
        now=clock.now,
        new_id=clock.new_id,
    )


def acknowledgement(tenant: str, erasure_id: str, client_id: UUID, service: str, source: str | None = None) -> Message:
    told = ErasureAcknowledged(service=service, erasure_id=UUID(erasure_id), client_id=client_id, key_classes=(NOTES,))
    return Message(
        RECEIPTS,
        tenant,
        f"{tenant}/{client_id}",
        uuid4(),
        ERASURE_ACKNOWLEDGED,
        1,
        source or service,
        1,
        "erasures",
        told.model_dump_json().encode(),
    )


async def acknowledge(erasures: Erasures, store: EventStore, tenant: str, erasure_id: str, client_id: UUID) -> None:
    """As the consumer would, for every service; one that did before changes nothing."""
    for service in sorted(HOLDERS):
        effect = await erasures.acknowledged(acknowledgement(tenant, erasure_id, client_id, str(service)))
        if effect is not None:
            await store.append(tenant, effect.appends, statements=effect.statements)
            assert effect.after_commit is not None
            effect.after_commit()


@asynccontextmanager
async def world(audit: DatabaseUrls, keys: DatabaseUrls, directory: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        kms = FileKms(directory / "kms.json", environment="test", random=os.urandom)
        store = PostgresEventStore(audit, now=clock.now)
        ledger = ledger_on(audit, directory / "anchors")
        keyring = PostgresKeyring(keys, kms, now=clock.now, random=os.urandom, new_id=clock.new_id)
        for part in (store, ledger, keyring):
            await part.open()
            stack.push_async_callback(part.close)
        await ledger.lead()
        chosen = Chosen()
        erasures = make_erasures(store, ledger, keyring, chosen)
        await erasures.start()
        stack.push_async_callback(erasures.stop)
        app = create_app("audit_log", "test", new_id=clock.new_id, checks={})
        app.include_router(router(erasures, Desk(ledger, TOKENS, clock.now)))
        url = await stack.enter_async_context(serving(app))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield World(audit, keys, kms, store, ledger, keyring, erasures, session, url, f"t-{uuid4().hex[:12]}", chosen)


@asynccontextmanager
async def relayed(
    name: ServiceName, urls: DatabaseUrls, store: PostgresEventStore, bus: InProcessBus, topic: str, handle: Any
) -> AsyncIterator[Consumer]:
    """A service's relay and consumer on the bus."""
    outbox = Outbox(urls.relay)
    relay = Relay(outbox, bus, EventSigner(KEYS[name]), now=clock.now, new_id=clock.new_id, lead_seconds=0.1)
    store.on_commit(relay.wake)
    consumer = Consumer(
        str(name),
        [topic],
        store=store,
        transport=bus,
        verifier=SignatureVerifier(DIRECTORY),
        handlers=handle,
        on_forged=lambda reason, _: None,
    )
    try:
        async with running(relay.run()), running(consumer.run()):
            yield consumer
    finally:
        await outbox.close()


@asynccontextmanager
async def holder(name: ServiceName, urls: DatabaseUrls, bus: InProcessBus) -> AsyncIterator[PostgresEventStore]:
    """A clinical service, as far as an erasure reaches it."""
    store = PostgresEventStore(urls, now=clock.now)
    await store.open()
    parts = Parts(
        database=urls,
        transport=bus,
        signer=EventSigner(KEYS[name]),
        verifier=SignatureVerifier(DIRECTORY),
        tokens=TOKENS,
        gate=None,
        now=clock.now,
        new_id=clock.new_id,
        random=clock.random,
        public_url="http://127.0.0.1",
        secret=b"s" * 32,
    )
    try:
        async with relayed(name, urls, store, bus, AUDIT, {"audit.key-shredded": erasure_handler(parts)}):
            yield store
    finally:
        await store.close()


@asynccontextmanager
async def on_the_bus(world: World, bus: InProcessBus) -> AsyncIterator[Consumer]:
    async with relayed(ServiceName.AUDIT_LOG, world.audit, world.store, bus, RECEIPTS, handlers(world.erasures)) as consumer:
        yield consumer


async def entries(here: World, count: int) -> list[tuple[str, str, str]]:
    async with asyncio.timeout(10):
        while len(found := await here.actions()) < count:
            await asyncio.sleep(0.05)
    return found


REASON = "Found unresponsive; the ward asks for medication."


async def glass_broken(here: World, client: UUID) -> list[int]:
    """A grant for this client and one for another, as break-glass writes them; their indexes."""
    return await here.ledger.append(
        here.tenant,
        [
            entry(kind=EntryKind.GRANT, action="create", client_id=str(c), records=(), purpose="BTG", detail={"reason": REASON})
            for c in (client, uuid4())
        ],
    )


class Away:
    """A keyring whose database is away."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: Any) -> None:
            raise KeyringUnavailable("away")

        return fail
