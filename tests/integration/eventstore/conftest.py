"""A store on a fresh database, and events to put into it."""

from collections.abc import AsyncIterator

import pytest

from infra.postgres.provision import OwnedDatabase
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.schema import tenant_table
from shared.service.clock import now
from tests.support.postgres import MakeDatabase, as_owner

SHOWN = "CREATE TABLE IF NOT EXISTS shown (tenant_id text, id int, word text, CONSTRAINT shown_pkey PRIMARY KEY (tenant_id, id))"


@pytest.fixture
async def urls(make_database: MakeDatabase) -> OwnedDatabase:
    made = await make_database("consent")
    await as_owner(made, SHOWN, *tenant_table("shown"))
    return made


@pytest.fixture
async def store(urls: OwnedDatabase) -> AsyncIterator[PostgresEventStore]:
    made = PostgresEventStore(urls, now=now)
    await made.open()
    yield made
    await made.close()
