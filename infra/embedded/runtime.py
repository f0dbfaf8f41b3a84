"""All services in one process: real PostgreSQL, the in-process bus, the gate by direct call.

One process holds keys and ciphertext here, so the one rule does not hold: for trying out, developing and testing.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import services.alliance_measurement.bootstrap as alliance_measurement
import services.audit_log.bootstrap as audit_log
import services.consent.bootstrap as consent
import services.ehr_gateway.bootstrap as ehr_gateway
import services.session_notes.bootstrap as session_notes
from infra.demo import clock as demo_clock
from infra.embedded.dev_sign_in import AUTHORIZE, REDEEM, dev_sign_in, provider_settings
from infra.embedded.dev_token import dev_token
from infra.embedded.front import Front
from infra.embedded.people import people_pages
from infra.embedded.secrets import EmbeddedSecrets
from infra.migrate import migrate_all
from infra.postgres.launcher import LocalPostgres
from infra.postgres.provision import provision
from services.audit_log.decision.application.policy_projection import PolicyFeed
from services.audit_log.keyring.adapters.kms.file import FileKms
from services.audit_log.settings import Settings
from services.ehr_gateway.adapters.in_process import InProcessServices
from shared.contracts.consent_policy import PolicyFeedPage
from shared.contracts.records import ServiceName
from shared.eventstore.databases import DatabaseUrls
from shared.gate.port import Gate
from shared.identity.development import AUDIENCE, ISSUER, DevelopmentIssuer
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from shared.identity.tokens import StaticKeys, TokenVerifier
from shared.messaging.in_process import InProcessBus
from shared.messaging.signature import EventSigner, SignatureVerifier
from shared.service import clock
from shared.service.leaving import Leaving
from shared.service.parts import ASGIApp, Parts, Service
from shared.values.time import ANYWHERE, Place

_log = logging.getLogger("embedded")
DATABASES: Final = ("consent", "session_notes", "alliance_measurement", "audit_log", "keyring")


class LateFeed:
    """consent needs the gate and the gate needs consent's feed: bound once both are built."""

    def __init__(self) -> None:
        self._feed: PolicyFeed | None = None

    def bind(self, feed: PolicyFeed) -> None:
        self._feed = feed

    async def read(self, tenant: str, after: int) -> PolicyFeedPage:
        if self._feed is None:
            raise RuntimeError("the policy feed is not bound yet")
        return await self._feed.read(tenant, after)


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    data_dir: Path
    public_url: str
    admin_dsn: str | None = None
    """an existing PostgreSQL; None starts one of its own in the data folder"""
    database_prefix: str = ""
    place: Place = ANYWHERE


class Embedded:
    """`async with Embedded(settings) as running: running.app …`"""

    def __init__(self, settings: EmbeddedSettings) -> None:
        self.settings = settings
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        settings.data_dir.chmod(0o711)  # a server started by root runs under an account of its own, and must get through
        self._secrets = EmbeddedSecrets(settings.data_dir / "secrets.json", random=clock.random)
        self.issuer = DevelopmentIssuer(self._secrets.seed("issuer"), clock=clock.seconds, new_id=clock.new_id)
        self._stack = AsyncExitStack()
        self.app: ASGIApp | None = None
        self.services: list[Service] = []
        self.leaving = Leaving()
        self.postgres_origin = "DATABASE_URL"

    async def __aenter__(self) -> "Embedded":
        try:
            urls = await self._databases()
            await self._build(urls)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _databases(self) -> Mapping[str, DatabaseUrls]:
        admin = self.settings.admin_dsn
        if admin is None:
            postgres = LocalPostgres(self.settings.data_dir / "postgres")
            await asyncio.to_thread(postgres.start)
            self._stack.push_async_callback(asyncio.to_thread, postgres.stop)
            admin, self.postgres_origin = postgres.dsn(), str(postgres.binaries)
        made = await provision(admin, DATABASES, self._secrets.password, prefix=self.settings.database_prefix)
        await migrate_all({name: urls.owner for name, urls in made.items()}, say=_log.info)
        return {name: urls.running for name, urls in made.items()}

    async def _build(self, urls: Mapping[str, DatabaseUrls]) -> None:
        keys = {name: ServiceKeys.from_seed(name, self._secrets.service(name)) for name in ServiceName}
        directory = ServiceDirectory({name: k.public() for name, k in keys.items()})
        bus, feed = InProcessBus(held=True), LateFeed()
        tokens = TokenVerifier(StaticKeys(self.issuer.jwks()), issuer=ISSUER, audience=AUDIENCE, clock=clock.seconds)

        def parts(name: ServiceName, gate: Gate | None = None) -> Parts:
            played = name in (ServiceName.SESSION_NOTES, ServiceName.ALLIANCE)
            return Parts(
                database=urls.get(name),
                transport=bus,
                signer=EventSigner(keys[name]),
                verifier=SignatureVerifier(directory),
                tokens=tokens,
                gate=gate,
                now=demo_clock.now if played else clock.now,
                new_id=clock.new_id,
                random=clock.random,
                place=self.settings.place,
                public_url=self.settings.public_url,
                leaving=self.leaving,
                secret=keys[name].secret,
            )

        gate = audit_log.build(
            parts(ServiceName.AUDIT_LOG),
            keyring_database=urls["keyring"],
            kms=FileKms(self.settings.data_dir / "kms.json", environment="development", random=clock.random),
            feed=feed,
            anchor_dir=self.settings.data_dir / "checkpoints",
            log_seed=self._secrets.seed("log"),
            directory=directory,
            keys=keys[ServiceName.AUDIT_LOG],
            settings=Settings(sign_in=provider_settings(self.settings.public_url)),
        )
        asking = gate.direct_gate
        noting = asking(ServiceName.SESSION_NOTES)
        consenting = consent.build(parts(ServiceName.CONSENT, asking(ServiceName.CONSENT)))
        feed.bind(consenting.policy_feed)
        built: dict[ServiceName, Service] = {
            ServiceName.AUDIT_LOG: gate,
            ServiceName.CONSENT: consenting,
            ServiceName.SESSION_NOTES: session_notes.build(replace(parts(ServiceName.SESSION_NOTES, noting), late_gate=noting)),
            ServiceName.ALLIANCE: alliance_measurement.build(parts(ServiceName.ALLIANCE, asking(ServiceName.ALLIANCE))),
        }
        apps = InProcessServices({name: service.app for name, service in built.items()})
        built[ServiceName.EHR_GATEWAY] = ehr_gateway.build(parts(ServiceName.EHR_GATEWAY), apps)
        await bus.start()
        self._stack.push_async_callback(bus.stop)
        for service in built.values():
            await service.start()
            self._stack.push_async_callback(service.stop)
            self.services.append(service)
        bus.release()  # what a crash left in an outbox waits until every consumer has joined
        signing_in = dev_sign_in(self.issuer, self.settings.public_url, clock.seconds)
        development: dict[str, ASGIApp] = {"/dev/token": dev_token(self.issuer), AUTHORIZE: signing_in, REDEEM: signing_in}
        development |= people_pages(self.issuer, self.settings.data_dir / "demo.json")
        front = Front({name: s.app for name, s in built.items()}, development=development, new_id=clock.new_id)
        self.app = demo_clock.DemoClock(front)
