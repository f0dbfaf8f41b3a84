"""A service as a process of its own, on a database that nobody migrated: it says what to run, and ends."""

import asyncio
from pathlib import Path

import pytest

from infra.migrate import SCHEMAS
from shared.contracts.records import ServiceName
from tests.e2e.processes import Fleet
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.kafka]
STORING = tuple(name for name in ServiceName if name is not ServiceName.EHR_GATEWAY)


@pytest.mark.parametrize("name", STORING)
async def test_a_service_ends_and_says_what_to_run(kafka: Kafka, postgres: Postgres, tmp_path: Path, name: ServiceName) -> None:
    fleet = Fleet(tmp_path, await postgres.make_empty(*SCHEMAS), kafka.bootstrap)
    fleet.start(name)
    assert await asyncio.to_thread(fleet._running[name].wait, 60) == 1
    fleet.stop()
    last = fleet.log(name).splitlines()[-1]
    assert last.startswith(f"{name} does not start: database `")
    assert last.endswith(
        "is behind this release: it has not been migrated yet. Run `python -m infra.migrate` of this release, then start again"
    )
