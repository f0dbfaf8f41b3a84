"""A store on a fresh database, and events to put into it."""

from collections.abc import AsyncIterator

import pytest

from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.schema import tenant_table
from shared.service.clock import now
from shared.service.parts import DatabaseUrls
from tests.support.postgres import MakeDatabase

SHOWN = "CREATE TABLE IF NOT EXISTS shown (tenant_id text, id int, word text, CONSTRAINT shown_pkey PRIMARY KEY (tenant_id, id))"


@pytest.fixture
async def urls(make_database: MakeDatabase) -> DatabaseUrls:
    return await make_database("consent")


@pytest.fixture
async def store(urls: DatabaseUrls) -> AsyncIterator[PostgresEventStore]:
    made = PostgresEventStore(urls, ddl=[SHOWN, *tenant_table("shown")], now=now)
    await made.open()
    yield made
    await made.close()
