"""A ledger of any size, loaded by COPY: real rows (payload, salt, leaf) of a fictional practice over one year."""

import random
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from infra.progress import Progress
from services.audit_log.ledger.adapters.rows import EntryRow, row_of
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.contracts.consent_policy import RelationshipRole, RelationshipSet

TENANT: Final = "bench"
CLIENTS, PEOPLE, DAYS, SESSIONS = 2_000, 300, 365, 12
CHUNK = 10_000
CLIENT_IDS = tuple(str(UUID(int=(n + 1) << 96 | 0x4 << 76 | 0x8 << 60)) for n in range(CLIENTS))
_COLUMNS: Final = (
    *("tenant_id", "idx", "leaf", "at", "kind", "action", "outcome", "purpose", "agent", "agent_role", "service"),
    *("client_id", "request_id"),
)
_PURPOSES: Final = (("TREAT", 70), ("TRAIN", 8), ("HOPERAT", 12), ("HPAYMT", 5), ("COC", 3), ("BTG", 1), ("HLEGAL", 1))
_ACTIONS: Final = (("read", 72), ("search", 12), ("create", 10), ("update", 5), ("export", 1))


def person(n: int) -> tuple[str, str, str]:
    """`sub`, name and role."""
    role = "supervisor" if n % 20 == 0 else "intake" if n % 15 == 0 else "therapist"
    return f"staff-{n:03}", f"Person {n:03} Example", role


def therapist_of(client: int) -> int:
    return client * 7 % PEOPLE


def entries(count: int, until: datetime, seed: int = 7) -> Iterator[Entry]:
    rng = random.Random(seed)  # noqa: S311
    step = timedelta(days=DAYS) / count
    purposes, actions = [c for c, w in _PURPOSES for _ in range(w)], [a for a, w in _ACTIONS for _ in range(w)]
    for n in range(count):
        client = rng.randrange(CLIENTS)
        sub, name, role = person(therapist_of(client) if rng.random() < 0.9 else rng.randrange(PEOPLE))
        outcome = "deny" if rng.random() < 0.02 else "permit"
        record = str(UUID(int=(client << 64) + rng.randrange(SESSIONS) + 1))
        yield Entry(
            kind=EntryKind.DISCLOSURE,
            at=until - timedelta(days=DAYS) + step * n,
            action=rng.choice(actions),
            outcome=outcome,
            reason="consent" if outcome == "permit" else "no-consent",
            agent=sub,
            agent_name=name,
            agent_role=role,
            service="session_notes",
            request_id=f"r-{n}",
            client_id=CLIENT_IDS[client],
            purpose=rng.choice(purposes),
            records=(EntryRecord(record, "session", "progress_note", outcome, "consent"),),
            basis=("rule:consent.deny-by-default", f"consent:{UUID(int=client + 1)}"),
            policy_sequence=client + 1,
        )


async def seed(admin_dsn: str, count: int) -> None:
    """As an administrator, because COPY does not go through row-level security."""
    until = datetime.now(UTC)
    connection = await asyncpg.connect(admin_dsn)
    progress = Progress(count, "loading")
    try:
        await _practice(connection, until)
        chunk: list[EntryRow] = []
        first = 0
        for entry in entries(count, until):
            chunk.append(row_of(entry, secrets.token_bytes))
            if len(chunk) == CHUNK or first + len(chunk) == count:
                await _copy(connection, first, chunk)
                progress.step(len(chunk))
                first, chunk = first + len(chunk), []
        await connection.execute("VACUUM ANALYZE")
    finally:
        progress.close()
        await connection.close()


async def _copy(connection: Any, first: int, rows: list[EntryRow]) -> None:
    numbered = list(enumerate(rows, first))
    await connection.copy_records_to_table(
        "ledger_entry", records=[(TENANT, n, r.leaf, *r.columns) for n, r in numbered], columns=_COLUMNS
    )
    await connection.copy_records_to_table("ledger_payload", records=[(TENANT, n, r.payload, r.salt) for n, r in numbered])
    await connection.copy_records_to_table(
        "ledger_record", records=[(TENANT, n, *record) for n, r in numbered for record in r.records]
    )


async def _practice(connection: Any, until: datetime) -> None:
    """Names of staff, a relationship and twelve sessions for each client."""
    names = [(TENANT, person(n)[1].casefold(), person(n)[0]) for n in range(PEOPLE)]
    await connection.copy_records_to_table("ledger_agent", records=names)
    began = until - timedelta(days=DAYS + 7)
    changes: list[tuple[object, ...]] = []
    records: list[tuple[object, ...]] = []
    for n, client in enumerate(CLIENT_IDS):
        sub = person(therapist_of(n))[0]
        held = RelationshipSet(
            relationship_id=UUID(int=n + 1),
            client_id=UUID(client),
            practitioner_id=sub,
            role=RelationshipRole.THERAPIST,
            start=began,
            at=began,
            recorded_by="desk",
        )
        changes.append((TENANT, n + 1, UUID(int=n + 1), UUID(client), held.model_dump_json().encode(), began))
        for session in range(SESSIONS):
            at = began + timedelta(days=7 + session * DAYS / SESSIONS)
            bound = (TENANT, UUID(int=(n << 64) + session + 1), UUID(client), "session", "progress_note", sub)
            records.append((*bound, [], "session_notes", "k", None, at))
    await connection.copy_records_to_table("policy_event", records=changes)
    await connection.copy_records_to_table("record", records=records)
