from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.session_notes.world import Clinic, World, running_world
from tests.support.postgres import Postgres


@pytest.fixture(scope="session")
async def notes_world(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    directory: Path = tmp_path_factory.mktemp("session_notes")
    async with running_world(postgres, directory) as running:
        yield running


@pytest.fixture
async def clinic(notes_world: World) -> Clinic:
    """A tenant with one client in treatment."""
    return await notes_world.clinic().opened()
