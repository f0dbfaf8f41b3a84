"""The gate with its ledger and keyring, built in this process over real PostgreSQL, and what another service is built with
beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import services.audit_log.bootstrap as audit_log
from services.audit_log.decision.application.policy_projection import PolicyFeed
from services.audit_log.keyring.adapters.kms.file import FileKms
from shared.contracts.records import ServiceName
from shared.gate.port import Gate
from shared.identity.development import AUDIENCE, ISSUER, DevelopmentIssuer
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from shared.identity.tokens import StaticKeys, TokenVerifier
from shared.messaging.in_process import InProcessBus
from shared.messaging.port import Outbound
from shared.messaging.signature import EventSigner, SignatureVerifier
from shared.service import clock
from shared.service.parts import DatabaseUrls, Parts
from tests.support.postgres import Postgres


class ListeningBus(InProcessBus):
    """The bus, and what went over it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Outbound] = []

    async def publish(self, messages: Sequence[Outbound]) -> None:
        self.sent += messages
        await super().publish(messages)


@dataclass(frozen=True)
class Wiring:
    urls: dict[str, DatabaseUrls]
    keys: dict[ServiceName, ServiceKeys]
    directory: ServiceDirectory
    issuer: DevelopmentIssuer
    bus: ListeningBus

    def parts(self, name: ServiceName, gate: Gate | None = None) -> Parts:
        """What `name` is built with; without a database where none was made for it."""
        return Parts(
            database=self.urls.get(name),
            transport=self.bus,
            signer=EventSigner(self.keys[name]),
            verifier=SignatureVerifier(self.directory),
            tokens=TokenVerifier(StaticKeys(self.issuer.jwks()), issuer=ISSUER, audience=AUDIENCE, clock=clock.seconds),
            gate=gate,
            now=clock.now,
            new_id=clock.new_id,
            random=clock.random,
            public_url="http://127.0.0.1",
            secret=self.keys[name].secret,
        )

    def audit_log(self, feed: PolicyFeed, files: Path) -> audit_log.AuditLogService:
        return audit_log.build(
            self.parts(ServiceName.AUDIT_LOG),
            keyring_database=self.urls["keyring"],
            kms=FileKms(files / "kms.json", environment="development", random=clock.random),
            feed=feed,
            anchor_dir=files / "checkpoints",
            log_seed=clock.random(32),
            directory=self.directory,
            keys=self.keys[ServiceName.AUDIT_LOG],
        )


async def wired(postgres: Postgres, service: ServiceName) -> Wiring:
    """With databases for the gate, its keyring and `service`."""
    urls = await postgres.make_databases(service, ServiceName.AUDIT_LOG, "keyring")
    keys = {name: ServiceKeys.from_seed(name, clock.random(32)) for name in ServiceName}
    directory = ServiceDirectory({name: k.public() for name, k in keys.items()})
    issuer = DevelopmentIssuer(clock.random(32), clock=clock.seconds, new_id=clock.new_id)
    return Wiring(urls, keys, directory, issuer, ListeningBus())
