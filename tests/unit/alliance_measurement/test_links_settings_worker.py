"""Answering links, settings from the environment, and the worker that never drops what is due."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import orjson
import pytest

from services.alliance_measurement.administrations.application.links import link_call, link_digest, link_secret, tenant_of
from services.alliance_measurement.administrations.application.ports import Due
from services.alliance_measurement.courses.application.worker import AssessmentWorker
from services.alliance_measurement.settings import Settings
from shared.identity.roles import Role

ADMINISTRATION = UUID("5a3e2a0e-6a0f-4b5e-9d5c-1f3c2b7a9e10")


def test_a_link_is_the_same_each_time_and_another_for_each_administration_tenant_and_service() -> None:
    secret = link_secret(b"s" * 32, "clinic", ADMINISTRATION)
    assert secret == link_secret(b"s" * 32, "clinic", ADMINISTRATION)
    others = {
        link_secret(b"s" * 32, "clinic", uuid4()),
        link_secret(b"s" * 32, "clinic2", ADMINISTRATION),
        link_secret(b"t" * 32, "clinic", ADMINISTRATION),
    }
    assert len(others) == 3 and secret not in others
    assert len(link_digest(secret)) == 64


@pytest.mark.parametrize("tenant", ["clinic", "a", "north.clinic-1_x"])
def test_a_link_names_its_tenant(tenant: str) -> None:
    assert tenant_of(link_secret(b"s" * 32, tenant, ADMINISTRATION)) == tenant


@pytest.mark.parametrize("link", ["", "clinic", "clinic.short", "Clinic." + "a" * 43, "." + "a" * 43, "clinic." + "!" * 43])
def test_what_is_no_link_names_none(link: str) -> None:
    assert tenant_of(link) is None


def test_a_call_by_link_carries_no_token_and_no_client() -> None:
    call = link_call("clinic." + "a" * 43, "clinic", ADMINISTRATION, request_id="r", idempotency_key=None)
    assert (call.caller.link, call.caller.token, call.caller.job) == ("clinic." + "a" * 43, None, None)
    assert call.principal.sub == f"link:{ADMINISTRATION}"
    assert (call.principal.role, call.principal.client_id) == (Role.CLIENT, None)


def test_settings_ship_the_illustrative_constants_for_wai_sr_alone() -> None:
    settings = Settings.from_environment({})
    assert set(settings.strain) == {"wai-sr"}
    assert (settings.strain["wai-sr"].sd, settings.strain["wai-sr"].reliability) == (9, 0.92)
    assert "illustrative" in settings.strain["wai-sr"].citation


def test_settings_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "strain.json"
    file.write_bytes(orjson.dumps({"wai-s": {"sd": 11, "reliability": 0.95, "citation": "our own clinic, 2025"}}))
    settings = Settings.from_environment(
        {
            "ALLIANCE_INSTRUMENTS": f"{tmp_path}:{tmp_path}",
            "ALLIANCE_STRAIN_FILE": str(file),
            "ALLIANCE_SCHEDULED_INSTRUMENT": "wai-s",
            "ALLIANCE_MOST_ITEMS_A_DAY": "20",
        }
    )
    assert settings.instrument_directories == (tmp_path, tmp_path)
    assert set(settings.strain) == {"wai-s"} and settings.strain["wai-s"].min_baseline == 5
    assert (settings.scheduled_instrument, settings.most_items_a_day) == ("wai-s", 20)


@pytest.mark.parametrize(
    "constants",
    [
        {"sd": 9, "reliability": 0.92},
        {"sd": 9, "reliability": 0.92, "citation": " "},
        {"sd": 0, "reliability": 0.92, "citation": "x"},
        {"sd": 9, "reliability": 1, "citation": "x"},
        {"sd": 9, "reliability": 0.9, "citation": "x", "min_baseline": 1},
        {"sd": 9, "r": 0.9, "citation": "x"},
        [9, 0.92],
    ],
)
def test_constants_that_do_not_hold_are_refused(tmp_path: Path, constants: Any) -> None:
    file = tmp_path / "strain.json"
    file.write_bytes(orjson.dumps({"wai-sr": constants}))
    with pytest.raises(ValueError, match="wai-sr"):
        Settings.from_environment({"ALLIANCE_STRAIN_FILE": str(file)})


class Work:
    """What is due, and a preparation that fails as often as it is told to."""

    def __init__(self, *due: Due, failures: int = 0) -> None:
        self.left, self.failures, self.prepared = list(due), failures, list[UUID]()

    async def names(self) -> list[str]:
        return ["clinic"]

    async def due(self, tenant: str, limit: int) -> list[Due]:
        return self.left[:limit]

    async def prepare(self, tenant: str, due: Due) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        self.prepared.append(due.administration_id)
        self.left.remove(due)


def due(client: UUID, place: int) -> Due:
    return Due(uuid4(), client, "wai-sr", place)


async def worked_off(work: Work, *, wake: bool = False) -> None:
    worker = AssessmentWorker(cast(Any, work), cast(Any, work), work, rescan=60, first_wait=0.01)
    running = asyncio.create_task(worker.run())
    if wake:
        await asyncio.sleep(0.02)
        work.left.append(due(uuid4(), 1))
        worker.wake("clinic")
    for _ in range(200):
        await asyncio.sleep(0.01)
        if not work.left:
            break
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_what_was_left_is_done_at_the_start_each_client_in_order() -> None:
    first, second = uuid4(), uuid4()
    work = Work(*(due(client, place) for place in range(60) for client in (first, second)))
    wanted = [d.administration_id for d in work.left if d.client_id == first]
    await worked_off(work)
    assert work.left == []
    assert [i for i in work.prepared if i in set(wanted)] == wanted


async def test_what_fails_stays_due_and_is_done_later() -> None:
    work = Work(due(uuid4(), 1), due(uuid4(), 2), failures=3)
    await worked_off(work)
    assert (work.left, len(work.prepared)) == ([], 2)


async def test_a_wake_is_answered_at_once() -> None:
    work = Work()
    await worked_off(work, wake=True)
    assert len(work.prepared) == 1
