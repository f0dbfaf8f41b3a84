"""One PostgreSQL for the whole run, and a fresh set of databases for whoever asks."""

import os
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg

from infra.migrate import SCHEMAS
from infra.postgres.binaries import find_binaries
from infra.postgres.launcher import LocalPostgres
from infra.postgres.provision import OwnedDatabase, normalised, provision
from shared.eventstore.migrate import apply, event_store_schema, taken_over
from tests.support import environment

MakeDatabase = Callable[[str], Awaitable[OwnedDatabase]]
BARE: Final = event_store_schema("bare", (), (taken_over(),))
"""the event store's own tables, for a database that is no service's"""


def quiet(_: str) -> None:
    """Where nobody reads the progress of a migration."""


async def as_owner(urls: OwnedDatabase, *statements: str) -> None:
    """What a test adds to a schema."""
    connection = await asyncpg.connect(urls.owner)
    try:
        await connection.execute("SET client_min_messages = warning")
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


class SystemPostgresMissing(Exception):
    """CI must run on an installed PostgreSQL."""


@dataclass
class Postgres:
    admin_dsn: str
    origin: str
    """as in `system PostgreSQL 15.18`, `pip-carried PostgreSQL 16.14`, `DATABASE_URL`"""
    server: LocalPostgres | None = None
    """None with DATABASE_URL"""
    _made: list[str] = field(default_factory=list)

    async def make_databases(self, *services: str) -> dict[str, OwnedDatabase]:
        """Fresh databases and roles under one random prefix, each with its service's schema as the release's job makes it."""
        urls = await self.make_empty(*services)
        for service, made in urls.items():
            await apply(made.owner, SCHEMAS.get(service, BARE), say=quiet)
        return urls

    async def make_empty(self, *services: str) -> dict[str, OwnedDatabase]:
        """Fresh databases and roles, without a table."""
        prefix = f"t{secrets.token_hex(4)}_"
        urls = await provision(self.admin_dsn, services, lambda _: secrets.token_urlsafe(16), prefix=prefix)
        self._made += [prefix + service for service in services]
        return urls

    def to_drop(self, database: str) -> None:
        """A database made by other means, with its three roles."""
        self._made.append(database)

    async def drop_databases(self) -> None:
        """All that were made here, where the server outlives the run. One of our own goes with its directory: dropping hundreds
        of them, a checkpoint each, takes minutes."""
        if self.server is not None:
            return
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            while self._made:
                database = self._made.pop()
                await connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
                for purpose in ("owner", "app", "relay"):
                    await connection.execute(f"DROP ROLE IF EXISTS {database}_{purpose}")
        finally:
            await connection.close()


def origin() -> str:
    """What a run would use. Raises SystemPostgresMissing in CI, NoPostgres where there is none at all."""
    if os.environ.get("DATABASE_URL"):
        return "DATABASE_URL"
    binaries = find_binaries()
    if os.environ.get("CI") and binaries.origin != "system":
        raise SystemPostgresMissing(f"CI is set, and only {binaries} was found: install PostgreSQL or set DATABASE_URL")
    return str(binaries)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """`DATABASE_URL` (an administrator's DSN), else a server of our own in a temporary directory."""
    used = environment.used["PostgreSQL"] = origin()
    url = os.environ.get("DATABASE_URL")
    if url:
        yield Postgres(normalised(url), used)
        return
    with server_directory() as directory, LocalPostgres(directory / "data") as server:
        yield Postgres(server.dsn(), used, server)


@contextmanager
def server_directory() -> Iterator[Path]:
    """A temporary directory with a short path, where a server started by root can live under its own account."""
    with tempfile.TemporaryDirectory(prefix="pgt-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)
