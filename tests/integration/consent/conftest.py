from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.consent.world import Clinic, World, running_world
from tests.support.postgres import Postgres


@pytest.fixture(scope="session")
async def world(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    directory: Path = tmp_path_factory.mktemp("consent")
    async with running_world(postgres, directory) as running:
        yield running


@pytest.fixture
def clinic(world: World) -> Clinic:
    return world.clinic()
