"""What a dump of the database and the messages would show: nothing of what was written in confidence."""

from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import orjson
import pytest

from shared.contracts.topics import RECEIPTS, SESSION_NOTES
from shared.eventstore.snapshots import EVERY
from tests.integration.session_notes.world import SOAP, Clinic
from tests.support.hunting import spellings

CANARY = "the heron waited by the frozen weir"
NAME = "Ottoline Farrow-Quist"
PHONE = "+44 20 7946 0999"
PLANTED = "a row that a careless hand left in the clear"
SECRETS = (CANARY, NAME, PHONE, "psychodynamic", "countertransference", "OPIOIDUD", "late_cancelled")
"""long enough not to come up in ciphertext by chance"""


async def whole_database(clinic: Clinic) -> bytes:
    """Every row of every table, of that tenant where it has one, as text; bytes as they are."""
    connection, tenant = await as_administrator(clinic), clinic.tenant
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        assert {"events", "outbox", "note", "session", "client", "prompt", "idempotency", "snapshot"} <= {t[0] for t in tables}
        found = bytearray()
        for (table,) in tables:
            for row in await connection.fetch(f'SELECT * FROM "{table}"'):  # noqa: S608
                if row.get("tenant_id", tenant) == tenant:
                    for value in row.values():
                        found += (value if isinstance(value, bytes) else str(value).encode()) + b"\n"
        return bytes(found)
    finally:
        await connection.close()


async def as_administrator(clinic: Clinic) -> "asyncpg.Connection[asyncpg.Record]":
    """To the service's own database: row-level security does not hold for it."""
    database = urlsplit(clinic.world.database.app).path.removeprefix("/")
    return await asyncpg.connect(clinic.world.admin_dsn, database=database)


async def tell(clinic: Clinic) -> None:
    """Everything that this service can be told, each with a secret in it."""
    await clinic.intake.post("/v1/clients", {"name": NAME, "birth_date": "1991-04-03", "phone": PHONE}, Idempotency_Key="i")
    session = await clinic.session(participants=[NAME])
    await clinic.session(attendance="late_cancelled")
    note = await clinic.progress(session, labels=["OPIOIDUD"])
    await clinic.put(clinic.marsh, note, {"sections": {**SOAP, "plan": CANARY}}, 1)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures")
    await clinic.marsh.post(f"/v1/notes/{note}/addenda", {"text": CANARY}, Idempotency_Key="a")
    private = await clinic.private(session, text=CANARY)
    for version in range(1, EVERY):  # until a snapshot of it is taken
        await clinic.put(clinic.marsh, private, {"sections": {"countertransference": CANARY}}, version)
    await clinic.prompt({"kind": "strain", "text": CANARY, "instrument": "wai-sr", "onset": 1, "repaired_at": None})


async def test_no_confidence_stands_in_the_clear(clinic: Clinic) -> None:
    await tell(clinic)
    dump = await whole_database(clinic)
    assert b'"kind":"psychotherapy"' in dump, "a snapshot is among it"
    sent = b"\n".join(m.payload + orjson.dumps(dict(m.headers)) for m in clinic.world.bus.sent)
    for secret in SECRETS:
        for spelling in spellings(secret):
            assert spelling not in dump, secret
            assert spelling not in sent, secret


async def test_the_search_finds_what_is_planted(clinic: Clinic) -> None:
    store = await as_administrator(clinic)
    try:
        await store.execute(
            "INSERT INTO prompt (tenant_id, prompt_id, client_id, event_id, schema_version, data, at) "
            "VALUES ($1, $2, $2, $2, 1, $3, now())",
            clinic.tenant,
            uuid4(),
            b'{"text": "' + PLANTED.encode() + b'"}',
        )
        assert PLANTED.encode() in await whole_database(clinic)
    finally:
        await store.execute("DELETE FROM prompt WHERE tenant_id = $1", clinic.tenant)
        await store.close()


async def test_every_event_leaves_with_a_receipt_of_its_ciphertext(clinic: Clinic) -> None:
    session = await clinic.session()
    note = await clinic.progress(session)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures")
    await clinic.relayed(RECEIPTS, 4)
    receipts = {r["event_type"]: r for r in map(orjson.loads, (m.payload for m in clinic.sent(RECEIPTS)))}
    assert set(receipts) == {
        "session-notes.client-registered",
        "session-notes.session-held",
        "session-notes.progress-note-drafted",
        "session-notes.progress-note-signed",
    }
    assert {r["client_id"] for r in receipts.values()} == {clinic.client_id}
    assert receipts["session-notes.progress-note-signed"]["record_id"] == note
    assert len({r["entry"] for r in receipts.values()}) == 4
    assert len(clinic.sent(SESSION_NOTES)) == 1


@pytest.mark.parametrize("tenant", ["another-clinic", ""])
async def test_a_row_is_seen_by_its_tenant_alone(clinic: Clinic, tenant: str) -> None:
    await clinic.progress(await clinic.session())
    app = await asyncpg.connect(clinic.world.database.app)
    try:
        async with app.transaction():
            await app.execute("SELECT set_config('app.tenant_id', $1, true)", tenant)
            for table in ("client", "session", "note", "prompt", "events", "idempotency", "snapshot"):
                assert await app.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608
    finally:
        await app.close()
