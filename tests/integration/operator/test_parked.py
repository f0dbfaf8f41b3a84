"""The operator's command on parked messages, against a running consumer."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from infra.operator.parked import Trouble, arguments, run
from shared.contracts.receipts import MESSAGE_SKIPPED, MessageSkipped
from shared.contracts.topics import RECEIPTS
from shared.eventstore.outbox import Outbox
from shared.messaging.in_process import InProcessBus
from shared.messaging.parked_orders import ParkedOrders
from shared.messaging.port import Effect, Message
from tests.support.messaging import World, eventually, now, opened_store, running, seen_by
from tests.support.postgres import MakeDatabase

SECRET = 170417
"""stands for a clinical word: the payload of the message that is parked"""


@dataclass
class Desk:
    world: World
    file: Path
    broken: bool = True

    async def say(self, *words: str) -> list[str]:
        return await run(arguments(["--database", str(self.file), *words]))

    async def handle(self, message: Message) -> Effect | None:
        if self.broken and int(message.payload) == SECRET:
            raise ValueError("what stands in a message")
        return seen_by(message)

    async def parked_id(self) -> str:
        (line,) = await self.say("list")
        return line.split(" ")[0]


@pytest.fixture
async def desk(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Desk]:
    urls = await make_database("session_notes")
    file = tmp_path / "session_notes.json"
    file.write_text(json.dumps({"app": urls.app, "relay": urls.relay}))
    async with opened_store(urls) as store:
        world = World(urls, store, InProcessBus())
        desk = Desk(world, file)
        outbox = Outbox(urls.relay)
        await outbox.lead()
        consumer = world.consumer(desk.handle)
        orders = ParkedOrders(outbox, consumer, service="session_notes", now=now, every_seconds=0.05)
        async with running(consumer.run()), running(orders.run()):
            for n in (1, SECRET, 2, 3):
                await world.transport.publish([world.message("ana", n)])
            await world.transport.publish([world.message("ben", 1)])
            await world.until_seen({"ana": [1], "ben": [1]})
            yield desk
        await outbox.close()


async def test_list_and_show_tell_no_clinical_word(desk: Desk) -> None:
    (line,) = await desk.say("list")
    assert "ValueError" in line and desk.world.group in line
    assert len(await desk.say("list", "--all")) == 3
    shown = "\n".join(await desk.say("show", await desk.parked_id()))
    assert "waiting behind it: 2" in shown
    assert str(SECRET) not in shown and "what stands in" not in shown


async def test_the_operators_role_cannot_read_what_was_said(desk: Desk) -> None:
    connection = await asyncpg.connect(desk.world.urls.relay)
    for refused in (
        "SELECT payload FROM parked",
        "SELECT headers FROM parked",
        "DELETE FROM parked",
        "UPDATE parked_order SET action = 'skip'",
        "DELETE FROM parked_order",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(refused)
    await connection.close()


async def test_retry_handles_what_waits_once_it_can_be_handled(desk: Desk) -> None:
    message = await desk.parked_id()
    (answer,) = await desk.say("retry", message, "--by", "pat")
    assert answer.endswith("still cannot be handled: ValueError")
    assert (await desk.world.seen())["ana"] == [1]
    desk.broken = False
    (answer,) = await desk.say("retry", message, "--by", "pat")
    assert answer.endswith("3 handled")
    assert (await desk.world.seen())["ana"] == [1, SECRET, 2, 3]
    assert await desk.say("list") == ["nothing is parked"]
    with pytest.raises(Trouble, match="no such message"):
        await desk.say("show", message)


async def test_skip_gives_one_up_and_tells_the_ledgers_service(desk: Desk) -> None:
    world, message = desk.world, await desk.parked_id()
    behind = (await desk.say("list", "--all"))[1].split(" ")[0]
    (answer,) = await desk.say("skip", behind, "--reason", "the wrong one")
    assert "waits behind another" in answer
    assert (await world.seen())["ana"] == [1], "only what stands in the way is skipped"
    (answer,) = await desk.say("skip", message, "--reason", "sent by a release that was withdrawn", "--by", "pat")
    assert answer.endswith("skipped, and 2 handled")
    assert (await world.seen())["ana"] == [1, 2, 3]
    stored = await world.store.read_stream(world.tenant, "skipped")
    skipped = MessageSkipped.model_validate_json(stored[0].data)
    assert (skipped.message_id, skipped.error, skipped.skipped_by) == (UUID(message), "ValueError", "pat")
    assert skipped.reason == "sent by a release that was withdrawn"
    (out,) = await world.store.fetch(world.tenant, "SELECT aggregatetype, type FROM outbox")
    assert (out["aggregatetype"], out["type"]) == (RECEIPTS, MESSAGE_SKIPPED)
    await world.transport.publish([world.message("ana", SECRET, message_id=UUID(message)), world.message("ana", 4)])
    await eventually(lambda: _seen(world, 4))
    assert (await world.seen())["ana"] == [1, 2, 3, 4], "what was given up stays given up"


async def _seen(world: World, number: int) -> bool:
    await asyncio.sleep(0)
    return number in (await world.seen())["ana"]


@pytest.mark.parametrize("reason", ["", " ", "x" * 201, "two\nlines"])
def test_a_skip_wants_its_reason(reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(["skip", str(UUID(int=1)), "--reason", reason])
    assert "1 to 200" in capsys.readouterr().err
