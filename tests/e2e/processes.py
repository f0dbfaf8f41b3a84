"""The deployed shape without containers: one process a service, real Kafka between them, the gate over HTTP.

Each process can be killed (-9) and started again; its log goes to a file that the canary hunt reads.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import IO
from urllib.parse import urlsplit

import aiohttp

from infra.routes import service_for
from shared.contracts.records import ServiceName
from shared.eventstore.databases import DatabaseUrls
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from tests.e2e.issuer import Issuer
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 60


class Fleet:
    def __init__(
        self, folder: Path, databases: Mapping[str, DatabaseUrls], bootstrap: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment` is added to every process's."""
        self.folder, self.issuer = folder, Issuer()
        self.databases = {name: urlsplit(urls.app).path[1:] for name, urls in databases.items()}
        self.ports = {name: free_port() for name in ServiceName}
        self._running: dict[ServiceName, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []
        seeds = {name: os.urandom(32) for name in ServiceName}
        directory = {n: ServiceKeys.from_seed(n, s).public() for n, s in seeds.items()}
        jwks = self.issuer.write_jwks(folder / "issuer")
        self._write("directory.json", json.dumps(directory))
        self._write("log-seed.hex", os.urandom(32).hex())
        for name in ServiceName:
            self._write(f"{name}.seed", seeds[name].hex())
        for database, urls in databases.items():
            self._write(f"{database}.json", json.dumps({"app": urls.app, "relay": urls.relay}))
        (folder / "tmp").mkdir()
        self._env = {
            **os.environ,
            "TMPDIR": str(folder / "tmp"),  # temporary files are hunted with the rest
            **self.issuer.environment,
            "ENVIRONMENT": "development",
            "HOST": "127.0.0.1",
            "PUBLIC_URL": "http://127.0.0.1:8100",
            "SERVICE_DIRECTORY_FILE": str(folder / "directory.json"),
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "GATE_URL": self.url(ServiceName.AUDIT_LOG),
            "POLICY_FEED_URL": self.url(ServiceName.CONSENT),
            "CONSENT_URL": self.url(ServiceName.CONSENT),
            "SESSION_NOTES_URL": self.url(ServiceName.SESSION_NOTES),
            "ALLIANCE_MEASUREMENT_URL": self.url(ServiceName.ALLIANCE),
            "OIDC_JWKS_FILE": str(jwks),
            "DEPLOYMENT_OFFICERS": "operator",
            "KEYRING_DATABASE_FILE": str(folder / "keyring.json"),
            "LOG_SEED_FILE": str(folder / "log-seed.hex"),
            "AUDIT_LOG_ORIGIN": "test.invalid/record",
            "ANCHOR_DIR": str(folder / "anchor"),
            "KMS_PROVIDER": "file",
            "KMS_FILE": str(folder / "kms.json"),
            **(environment or {}),
        }

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def url(self, name: ServiceName) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def origin(self, path: str) -> str:
        return self.url(service_for(path.partition("?")[0]))

    def start(self, name: ServiceName) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self._logs.append(log)
        env = {
            **self._env,
            "PORT": str(self.ports[name]),
            "SERVICE_SEED_FILE": str(self.folder / f"{name}.seed"),
            "DATABASE_FILE": str(self.folder / f"{name}.json"),
            "KAFKA_CLIENT_ID": name,
        }
        self._running[name] = subprocess.Popen(
            [sys.executable, "-m", f"services.{name}"], cwd=ROOT, env=env, stdout=log, stderr=log
        )

    def kill(self, name: ServiceName) -> None:
        """-9: no clean-up of any kind."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    async def ready(self, *names: ServiceName) -> None:
        end = perf_counter() + START_SECONDS
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            for name in names or tuple(ServiceName):
                while True:
                    process = self._running[name]
                    if process.poll() is not None:
                        raise RuntimeError(f"{name} ended with {process.returncode}:\n{self.log(name)[-3000:]}")
                    try:
                        async with session.get(self.url(name) + "/health/ready") as answer:
                            if answer.status == 200:
                                break
                            state = await answer.text()
                    except (aiohttp.ClientError, TimeoutError) as error:
                        state = type(error).__name__
                    if perf_counter() > end:
                        raise RuntimeError(f"{name} is not ready: {state}\n{self.log(name)[-3000:]}")
                    await asyncio.sleep(0.1)

    def pids(self) -> dict[str, int]:
        return {str(name): process.pid for name, process in self._running.items()}

    def directory(self) -> ServiceDirectory:
        return ServiceDirectory(json.loads((self.folder / "directory.json").read_text()))

    def log(self, name: ServiceName) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    async def __aenter__(self) -> "Fleet":
        for name in ServiceName:
            self.start(name)
        try:
            await self.ready()
        except BaseException:
            self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for log in self._logs:
            log.close()
