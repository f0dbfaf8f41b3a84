"""A service that was taken over writes past the gate, and an officer sees it: over real Kafka, with that service's own keys."""

import hashlib
import json
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import asyncpg
import pytest

from services.audit_log.assurance.application.receipts import OF_ANOTHER, WITHOUT_ENTRY
from services.audit_log.ledger.domain.entry import SYSTEM_TENANT
from shared.contracts.consent_policy import POLICY_CHANGED, RelationshipRole, RelationshipSet
from shared.contracts.receipts import RECEIPT, Receipt
from shared.contracts.records import ServiceName
from shared.contracts.topics import CONSENT_POLICY, RECEIPTS
from shared.identity.service_keys import ServiceKeys
from shared.messaging.port import Outbound
from shared.messaging.signature import EventSigner
from shared.service import clock
from tests.e2e.processes import Fleet
from tests.e2e.rest import Person, Rest, until
from tests.e2e.writers import Client, Clinic
from tests.support.kafka import Kafka

PATIENCE = 40.0
"""seconds: a consumer that another test killed holds its partitions until its session times out"""
NOTES = ServiceName.SESSION_NOTES
pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]


@pytest.fixture
async def clinic(fleet: Fleet, session: aiohttp.ClientSession) -> Clinic:
    """One client with one note."""
    made = Clinic(Rest(session, fleet.origin, fleet.issuer.mint, f"alarms-{uuid4().hex[:8]}"), Random(1))  # noqa: S311
    await made.admit(1)
    await made.see(made.clients[0])
    return made


def stolen_keys(fleet: Fleet, name: ServiceName) -> ServiceKeys:
    return ServiceKeys.from_seed(name, bytes.fromhex(Path(fleet.folder / f"{name}.seed").read_text()))


async def write_past_the_gate(fleet: Fleet, clinic: Clinic, client: Client, note: str, entry: int) -> UUID:
    """What session_notes itself could do: an event and its messages, by its own database role; its own relay sends them on."""
    event_id, tenant, data, stream = uuid4(), clinic.rest.tenant, b'{"forged": true}', f"note/{note}"
    receipt = Receipt(
        service=str(NOTES),
        event_id=event_id,
        event_type="session-notes.progress-note-revised",
        record_id=UUID(note),
        client_id=UUID(client.id),
        entry=entry,
        digest=hashlib.sha256(data).hexdigest(),
    )
    shown = receipt.model_dump_json().encode()
    connection = await asyncpg.connect(json.loads((fleet.folder / f"{NOTES}.json").read_text())["app"])
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.tenant_id', $1, true)", tenant)
            version = await connection.fetchval("SELECT newest_version($1, $2)", tenant, stream) + 1
            await connection.execute(
                "INSERT INTO events (tenant_id, stream, version, event_id, type, schema_version, data, meta, recorded_at)"
                " VALUES ($1, $2, $3, $4, $5, 1, $6, '{}', now())",
                *(tenant, stream, version, event_id, receipt.event_type, data),
            )
            await connection.execute(
                "INSERT INTO outbox"
                " (tenant_id, event_id, aggregatetype, aggregateid, type, schema_version, stream, sequence, payload)"
                " VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8)",
                *(tenant, uuid4(), RECEIPTS, f"{tenant}/{client.id}", RECEIPT, stream, version, shown),
            )
    finally:
        await connection.close()
    return event_id


async def alarms(officer: Person) -> list[dict[str, Any]]:
    return list((await officer.get("/v1/audit/alarms?limit=200")).json["items"])


async def test_an_event_without_its_entry_is_seen_by_the_officer(fleet: Fleet, clinic: Clinic) -> None:
    (client,) = clinic.clients
    (note,) = client.notes
    assert await alarms(clinic.officer) == []
    read = await clinic.therapist.get(f"/v1/notes/{note}")
    never_written = await write_past_the_gate(fleet, clinic, client, note, 1_000_000)
    for_reading_only = await write_past_the_gate(fleet, clinic, client, note, read.entries[0])

    async def raised() -> bool:
        return len(await alarms(clinic.officer)) == 2

    await until("both alarms are raised", raised, PATIENCE)
    found = {a["detail"]["event"]: a for a in await alarms(clinic.officer)}
    assert found[str(never_written)]["reason"] == WITHOUT_ENTRY
    assert found[str(for_reading_only)]["reason"] == OF_ANOTHER
    for alarm in found.values():
        assert alarm["kind"] == "alarm"
        assert alarm["client_id"] == client.id
        assert alarm["agent"]["sub"] == f"service:{NOTES}"
        assert alarm["detail"]["record"] == note


@pytest.mark.parametrize("signer", [NOTES, None], ids=["by another service's key", "by a key of nobody"])
async def test_a_message_by_who_does_not_own_the_topic_opens_nothing(
    fleet: Fleet, kafka: Kafka, clinic: Clinic, signer: ServiceName | None
) -> None:
    """A relationship that would make a stranger the client's therapist."""
    (client,) = clinic.clients
    (note,) = client.notes
    stranger = clinic.rest.as_("t-stranger", "therapist")
    await stranger.get(f"/v1/notes/{note}", want=404)
    officer = Rest(clinic.rest.session, fleet.origin, fleet.issuer.mint, SYSTEM_TENANT).as_("operator", "compliance_officer")
    before = {a["index"] for a in await alarms(officer)}
    tenant, now = clinic.rest.tenant, clock.now()
    change = RelationshipSet(
        client_id=UUID(client.id),
        relationship_id=uuid4(),
        practitioner_id=stranger.sub,
        role=RelationshipRole.THERAPIST,
        start=now,
        at=now,
    )
    key, payload = f"{tenant}/{client.id}", change.model_dump_json().encode()
    headers = {
        "ce_id": str(uuid4()),
        "ce_type": POLICY_CHANGED,
        "ce_subject": "policy",
        "ce_sequence": "4",  # next to the relationship and the two consents that there are
        "ce_tenant": tenant,
        "ce_schemaversion": "1",
    }
    keys = stolen_keys(fleet, signer) if signer else ServiceKeys.from_seed(ServiceName.CONSENT, bytes(32))
    signed = EventSigner(keys).sign(CONSENT_POLICY, key, headers, payload)
    transport = kafka.transport()
    await transport.start()
    try:
        await transport.publish([Outbound(CONSENT_POLICY, key, signed, payload)])
    finally:
        await transport.stop()

    async def raised() -> bool:
        return bool({a["index"] for a in await alarms(officer)} - before)

    await until("the refused message is an alarm", raised, PATIENCE)
    (alarm,) = [a for a in await alarms(officer) if a["index"] not in before]
    assert (alarm["reason"], alarm["outcome"], alarm["detail"]["topic"]) == ("forged-message", "deny", CONSENT_POLICY)
    expected = "does not own" if signer else "is not signed by"
    assert expected in alarm["detail"]["fault"]
    await stranger.get(f"/v1/notes/{note}", want=404)
    await clinic.therapist.get(f"/v1/notes/{note}")
