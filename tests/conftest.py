"""Fixtures of the whole run: one real PostgreSQL, fresh databases; and the report of what the run stood on."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.postgres.binaries import NoPostgres
from infra.postgres.provision import OwnedDatabase
from tests.support import environment
from tests.support.kafka import kafka, only_on_a_real_broker
from tests.support.postgres import MakeDatabase, Postgres, SystemPostgresMissing, origin, running_postgres

__all__ = ["kafka", "only_on_a_real_broker"]


def pytest_configure(config: pytest.Config) -> None:
    try:
        origin()
    except SystemPostgresMissing as error:
        raise pytest.UsageError(str(error)) from None
    except NoPostgres as error:
        environment.not_run["PostgreSQL"] = str(error)


def pytest_report_header() -> str:
    missing = environment.not_run.get("PostgreSQL")
    return f"PostgreSQL: none ({missing})" if missing else f"PostgreSQL: {origin()}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    told = getattr(session.config, "workeroutput", None)
    if told is not None:  # a worker of pytest-xdist tells the one who reports
        told["environment"] = (environment.used, environment.not_run)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    used, not_run = getattr(node, "workeroutput", {}).get("environment", ({}, {}))  # nothing of one that crashed
    environment.used.update(used)
    environment.not_run.update(not_run)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for part, what in sorted(environment.used.items()):
        terminalreporter.write_line(f"{part}: {what}")
    for part, why in sorted(environment.not_run.items()):
        terminalreporter.write_line(f"not run: {part}: {why}", yellow=True)


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[Postgres]:
    """`.admin_dsn`, `.origin`, `await .make_databases("consent", "audit_log")`."""
    with running_postgres() as server:
        yield server
        await server.drop_databases()


@pytest.fixture(scope="session")
async def make_database(postgres: Postgres) -> MakeDatabase:
    """`await make_database("consent")`: a fresh database of that service with its own roles."""

    async def make(service: str) -> OwnedDatabase:
        return (await postgres.make_databases(service))[service]

    return make
