"""One gate for all tests of this folder; each test is a tenant of its own."""

from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest

from tests.integration.gate.gate_support import World, running
from tests.support.clients import registered
from tests.support.http import serving
from tests.support.postgres import Postgres


@pytest.fixture(scope="session")
async def practice(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running(postgres, tmp_path_factory.mktemp("gate")) as world:
        yield world


@pytest.fixture
async def world(practice: World) -> AsyncIterator[World]:
    fresh = World(practice.service, practice.feed, practice.clock, practice.issuer, practice.bus)
    await registered(practice.service._store, fresh.tenant, [fresh.client])
    yield fresh
    practice.feed.down = False
    practice.clock.ahead = timedelta()


@pytest.fixture
async def site(world: World) -> AsyncIterator[str]:
    """Where the gate is served."""
    async with serving(world.service.app) as base:
        yield base


@pytest.fixture
async def jar() -> AsyncIterator[aiohttp.ClientSession]:
    """A browser, as far as cookies go."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session
