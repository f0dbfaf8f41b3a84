"""An erasure whose process stops, or that two processes carry out at once: each step is done and written once."""

import asyncio
from uuid import UUID, uuid4

from services.audit_log.ledger.application.ports import Erased, KeyWanted
from tests.integration.erasures.world import (
    NOTES,
    Away,
    World,
    entries,
    glass_broken,
)


async def test_it_goes_on_after_a_crash_between_deed_and_record(here: World) -> None:
    client = uuid4()
    key = await here.keyring.new_record_key(here.tenant, str(client), NOTES, "r1")
    asked = await here.ask(client, "progress_note")
    await here.erasures.stop()
    await here.keyring.fence(here.tenant, str(client), [NOTES], UUID(asked.body["id"]))
    await here.keyring.shred(here.tenant, str(client), [NOTES], UUID(asked.body["id"]))
    assert (await here.approve(asked.body["id"])).status == 202
    shown = await here.show(asked.body["id"])
    assert (shown["status"], shown["finality"]) == ("running", "logical")
    assert [s.kid for s in await here.keyring.shredded(here.tenant)] == [key.kid]


async def test_reasons_are_erased_once_though_the_process_dies_before_it_is_written(here: World) -> None:
    client = uuid4()
    grant, _ = await glass_broken(here, client)
    asked = await here.ask(client, "identity")
    await here.erasures.stop()
    here.erasures._keyring, keyring = Away(), here.erasures._keyring
    await here.approve(asked.body["id"])
    state = (await here.erasures._streams.load(here.tenant, UUID(asked.body["id"]))).state
    await here.erasures._reasons.erase(here.tenant, state)
    assert (await here.ledger.entry(here.tenant, grant)).erased
    here.erasures._keyring = keyring
    second = here.again()
    await second.start()
    await entries(here, 5)
    await second.stop()
    assert [a for a, *_ in await here.actions()] == ["requested", "approved", "reasons-erased", "fenced", "keys-destroyed"]


async def test_a_restart_goes_on_where_it_stopped(here: World) -> None:
    """The process dies after the approval, before the fence; the next one carries the erasure out."""
    client = uuid4()
    key = await here.keyring.new_record_key(here.tenant, str(client), NOTES, "r1")
    asked = await here.ask(client, "progress_note")
    await here.erasures.stop()
    here.erasures._keyring, keyring = Away(), here.erasures._keyring
    assert (await here.approve(asked.body["id"])).status == 202
    assert [a for a, *_ in await here.actions()] == ["requested", "approved"]
    here.erasures._keyring = keyring
    second = here.again()
    await second.start()
    assert await entries(here, 4)
    await second.stop()
    wanted = [KeyWanted(str(client), NOTES, "r1", key.kid)]
    assert await here.keyring.record_keys(here.tenant, wanted) == [Erased("r1", key.kid)]
    assert (await here.show(asked.body["id"]))["finality"] == "logical"


async def test_two_processes_at_once_write_each_step_once(here: World) -> None:
    asked = await here.ask(uuid4())
    await here.erasures.stop()
    here.erasures._keyring, keyring = Away(), here.erasures._keyring
    await here.approve(asked.body["id"])
    here.erasures._keyring = keyring
    others = [here.again() for _ in range(3)]
    await asyncio.gather(*(o.start() for o in others))
    await entries(here, 4)
    await asyncio.sleep(0.3)
    await asyncio.gather(*(o.stop() for o in others))
    assert [a for a, *_ in await here.actions()] == ["requested", "approved", "fenced", "keys-destroyed"]
