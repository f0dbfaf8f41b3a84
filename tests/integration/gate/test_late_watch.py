"""Notes that wait, as their services announced them: what is not reconciled in time is an alarm, once."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import aiohttp

from services.audit_log.downtime.domain.late_writes import MISSED_AFTER
from shared.contracts.downtime import (
    NOTE_WAITS,
    LateWrite,
    NoteWaits,
)
from shared.contracts.records import ServiceName
from shared.contracts.topics import RECEIPTS
from shared.messaging.port import Outbound
from shared.messaging.signature import EventSigner
from tests.integration.gate.gate_support import KEYS, NOTES, World
from tests.integration.gate.late_support import entries, late, settle
from tests.integration.gate.test_review_sign_in import sign_in


async def announce(world: World, write: LateWrite, source: ServiceName = NOTES) -> None:
    waits = NoteWaits(
        service="session_notes",
        record_id=UUID(write.record_id),
        client_id=UUID(write.client_id),
        record_type=write.record_type,
        author=write.author,
        key_id=write.key_id,
        written_at=datetime.fromisoformat(write.written_at),
    )
    headers = {
        "ce_id": str(uuid4()),
        "ce_type": NOTE_WAITS,
        "ce_subject": f"waiting/{write.record_id}",
        "ce_sequence": "1",
        "ce_tenant": world.tenant,
        "ce_schemaversion": "1",
    }
    key, payload = f"{world.tenant}/{write.client_id}", waits.model_dump_json().encode()
    await world.bus.publish([Outbound(RECEIPTS, key, EventSigner(KEYS[source]).sign(RECEIPTS, key, headers, payload), payload)])


async def test_a_note_that_waits_too_long_is_an_alarm_once(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    await world.usual()
    forgotten, refused, done = await late(world), await late(world, author="t-stranger"), await late(world)
    await announce(world, forgotten)
    await announce(world, refused)
    await announce(world, done)
    await settle(world, refused)
    await settle(world, done)
    watch = world.service.late.watch
    assert await watch.sweep(world.tenant) == 0
    assert (await watch.standing(world.tenant)).waiting == 2
    world.clock.ahead = MISSED_AFTER + timedelta(seconds=1)
    assert await watch.sweep(world.tenant) == 2
    assert await watch.sweep(world.tenant) == 0
    alarms = {s.entry.records[0].record_id: s.entry for s in await entries(world, "alarm")}
    assert alarms[forgotten.record_id].reason == alarms[refused.record_id].reason == "late-write-missing"
    assert (alarms[forgotten.record_id].detail["refused"], alarms[refused.record_id].detail["refused"]) == (None, "no-rule")
    standing = await watch.standing(world.tenant)
    assert (standing.waiting, standing.reconciled, standing.dropped) == (2, 1, 0)
    await sign_in(jar, site, world.token("co-weiss", "compliance_officer"))
    async with jar.get(f"{site}/review/") as page:
        today = await page.text()
    assert "A note that was written while the gate was away is not reconciled yet." in today and "2 ×" in today


async def test_an_announcement_after_the_fact_waits_for_nothing(world: World) -> None:
    """The message may be slower than the reconciliation."""
    await world.usual()
    write = await late(world)
    await settle(world, write)
    await announce(world, write)
    world.clock.ahead = timedelta(days=1)
    assert await world.service.late.watch.sweep(world.tenant) == 0
