"""`python -m services.<service>`: one service as a process of its own, put together from the environment.

| variable | meaning |
|---|---|
| HOST, PORT | where it listens (0.0.0.0, 8000) |
| PUBLIC_URL | the origin that callers use |
| SERVICE_SEED_FILE | 32 bytes in hex: this service's own keys come from it |
| SERVICE_DIRECTORY_FILE | public keys of all services (JSON) |
| DATABASE_FILE | DSNs of this service's roles (JSON: app, relay; never the owner's) |
| KAFKA_* | see shared/messaging/kafka_settings.py |
| GATE_URL | audit_log's address |
| OIDC_ISSUER, OIDC_AUDIENCE, OIDC_JWKS_FILE or OIDC_JWKS_URL | whose tokens are accepted |
| OIDC_CA_FILE | PEM of the authority that signs the issuer's certificate, where the system's do not |
| OIDC_KEYS_MAX_SECONDS | how long the issuer's keys are trusted without a good answer of it (86400) |
| OIDC_TOKEN_MAX_SECONDS | the longest time from a token's issue to its end that is taken (86400) |
| DEPLOYMENT_OFFICERS | each `sub`, by commas, that may be a compliance officer of the tenant `alliance-record.system` |
| PLACE_ZONE | IANA zone of the practice, such as Europe/Vienna; absent: a day has come once it has anywhere on Earth |
| TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE | TLS between services; all three, and none in development alone |
| ENVIRONMENT | `development` takes plain transport; unset means production, where it is refused (shared/service/transport.py) |
"""

import asyncio
import json
import os
import signal
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from shared.contracts.records import ServiceName
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.migrate import SchemaMismatch
from shared.gate.client import HttpGate
from shared.identity.oidc import MAX_AGE_SECONDS, RemoteKeys, UnguardedAddress
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from shared.identity.tokens import MAX_LIFE_SECONDS, KeySource, StaticKeys, TokenVerifier
from shared.messaging.kafka import KafkaTransport
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.signature import EventSigner, SignatureVerifier
from shared.service import clock
from shared.service.leaving import Leaving
from shared.service.memory import no_core_dumps
from shared.service.parts import Parts, Service, Unwired
from shared.service.serve import Tls, configure_logging, server, tune_collector
from shared.service.transport import check_database, check_service
from shared.service.watchdog import watched
from shared.values.time import Place, place_of


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a process finds around it."""

    name: ServiceName
    env: Mapping[str, str]
    keys: ServiceKeys
    directory: ServiceDirectory
    tls: Tls | None

    @classmethod
    def from_environment(cls, name: ServiceName, env: Mapping[str, str] = os.environ) -> "Deployment":
        """Unwired where something that cannot be done without is missing."""
        files = [env.get(n, "") for n in ("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CA_FILE")]
        if any(files) and not all(files):
            raise Unwired("TLS needs all of TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE")
        seed = bytes.fromhex(Path(require(env, "SERVICE_SEED_FILE")).read_text().strip())
        directory = json.loads(Path(require(env, "SERVICE_DIRECTORY_FILE")).read_text())
        tls = Tls(*files) if all(files) else None
        return cls(name, env, ServiceKeys.from_seed(name, seed), ServiceDirectory(directory), tls)

    def database(self, variable: str = "DATABASE_FILE") -> DatabaseUrls:
        return database_urls(self.env, variable)

    def gate(self) -> HttpGate:
        return HttpGate(
            require(self.env, "GATE_URL"),
            self.keys,
            self.directory,
            ssl=self.tls.client_context() if self.tls else None,
            now=clock.now,
            random=clock.random,
        )

    def key_source(self) -> KeySource:
        if file := self.env.get("OIDC_JWKS_FILE"):
            return StaticKeys(json.loads(Path(file).read_text()))
        authority = self.env.get("OIDC_CA_FILE")
        tls = ssl.create_default_context(cafile=authority) if authority else None
        try:
            max_age = float(self.env.get("OIDC_KEYS_MAX_SECONDS") or MAX_AGE_SECONDS)
            return RemoteKeys(require(self.env, "OIDC_JWKS_URL"), tls=tls, max_age=max_age)
        except UnguardedAddress as error:
            raise Unwired(f"OIDC_JWKS_URL: {error}") from None

    def tokens(self, source: KeySource) -> TokenVerifier:
        """Whose tokens are accepted, and for how long."""
        return TokenVerifier(
            source,
            issuer=require(self.env, "OIDC_ISSUER"),
            audience=self.env.get("OIDC_AUDIENCE", "alliance-record"),
            clock=clock.seconds,
            max_life=float(self.env.get("OIDC_TOKEN_MAX_SECONDS") or MAX_LIFE_SECONDS),
            deployment_officers=frozenset(filter(None, map(str.strip, self.env.get("DEPLOYMENT_OFFICERS", "").split(",")))),
        )


def database_urls(env: Mapping[str, str], variable: str) -> DatabaseUrls:
    """From the JSON file that `variable` names. Unwired where it holds more or less than the DSNs of the running roles."""
    given = json.loads(Path(require(env, variable)).read_text())
    if not isinstance(given, dict) or set(given) != {"app", "relay"}:
        raise Unwired(
            f"{variable} names a file that does not hold exactly `app` and `relay`: a running service has these logins alone, "
            "and the owner's stands in DATABASE_OWNERS_FILE of `python -m infra.migrate`"
        )
    for dsn in given.values():
        check_database(env, variable, dsn)
    return DatabaseUrls(**given)


def require(env: Mapping[str, str], name: str) -> str:
    value = env.get(name)
    if not value:
        raise Unwired(f"{name} is not set: see shared/service/run.py for what a service needs")
    return value


Build = Callable[[Parts, Deployment], Service]


def main(name: ServiceName, build: Build, *, stores: bool = True) -> None:
    """Runs until SIGTERM or SIGINT; ends with 1 and one line where it may not start.

    `stores` is False for a service without a database.
    """
    no_core_dumps()
    configure_logging()
    try:
        check_service(os.environ, stores=stores)
        uvloop.run(_run(Deployment.from_environment(name), build, stores))
    except (Unwired, SchemaMismatch) as refusal:
        sys.exit(f"{name} does not start: {refusal}")


async def _run(deployment: Deployment, build: Build, stores: bool) -> None:
    env, keys = deployment.env, deployment.keys
    async with watched(), AsyncExitStack() as stack:
        source = deployment.key_source()
        if isinstance(source, RemoteKeys):
            await source.start()
            stack.push_async_callback(source.stop)
        gate = None
        if deployment.name not in (ServiceName.AUDIT_LOG, ServiceName.EHR_GATEWAY):
            gate = deployment.gate()
            stack.push_async_callback(gate.close)
        parts = Parts(
            database=deployment.database() if stores else None,
            transport=KafkaTransport(KafkaSettings.from_env(env)) if stores else NoTransport(),
            signer=EventSigner(keys),
            verifier=SignatureVerifier(deployment.directory),
            tokens=deployment.tokens(source),
            gate=gate,
            late_gate=gate if deployment.name is ServiceName.SESSION_NOTES else None,
            now=clock.now,
            new_id=clock.new_id,
            random=clock.random,
            place=place_from(env),
            public_url=env.get("PUBLIC_URL", "http://127.0.0.1:8100").rstrip("/"),
            secret=keys.secret,
        )
        service = build(parts, deployment)
        # not waited for: while Kafka is away a service serves, and what it publishes waits in its outbox
        stack.enter_context(_ended(asyncio.create_task(parts.transport.start())))
        stack.push_async_callback(parts.transport.stop)
        await service.start()
        stack.push_async_callback(service.stop)
        tune_collector()
        web = server(
            service.app,
            host=env.get("HOST", "0.0.0.0"),  # noqa: S104
            port=int(env.get("PORT", "8000")),
            tls=deployment.tls,
        )
        await serve_until_signalled(web, parts.leaving)


async def serve_until_signalled(web: Any, leaving: Leaving) -> None:
    """Serves, and returns after SIGTERM or SIGINT once open requests are answered, or five seconds later. What would wait
    longer gives up at once, by `leaving`: it is answered 503 instead of being cut off."""
    loop = asyncio.get_running_loop()

    def leave() -> None:
        leaving.ask()
        web.should_exit = True

    web.capture_signals = _no_capture
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave)
    await web.serve()


@contextmanager
def _ended(task: "asyncio.Task[None]") -> Iterator[None]:
    yield
    task.cancel()


class _NoCapture:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _no_capture() -> _NoCapture:
    return _NoCapture()


def place_from(env: Mapping[str, str]) -> Place:
    """Unwired where the zone does not exist."""
    try:
        return place_of(env.get("PLACE_ZONE", ""))
    except ValueError as error:
        raise Unwired(f"PLACE_ZONE: {error}") from None


class NoTransport:
    """For a service that neither publishes nor listens."""

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to end."""

    async def publish(self, messages: Any) -> None:
        raise Unwired("this service publishes nothing")

    async def consume(self, group: str, topics: Any, handle: Any) -> None:
        raise Unwired("this service listens to nothing")
