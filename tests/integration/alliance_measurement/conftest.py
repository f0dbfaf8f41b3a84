from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.alliance_measurement.clinic import Clinic, World, running_world
from tests.support.postgres import Postgres


@pytest.fixture(scope="session")
async def alliance_world(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    directory: Path = tmp_path_factory.mktemp("alliance_measurement")
    async with running_world(postgres, directory) as running:
        yield running


@pytest.fixture
async def rated_clinic(alliance_world: World) -> Clinic:
    """A tenant with one client who has agreed to being measured."""
    return await alliance_world.clinic().opened()
