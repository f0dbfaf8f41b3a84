from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.erasures.world import World, world
from tests.support.postgres import Postgres


@pytest.fixture
async def here(postgres: Postgres, tmp_path: Path) -> AsyncIterator[World]:
    urls = await postgres.make_databases("audit_log", "keyring")
    async with world(urls["audit_log"], urls["keyring"], tmp_path) as made:
        yield made
