"""Which column of which table holds what, in every service's database, as PostgreSQL itself lists them.

A column that could hold words or numbers is sealed, or key material under the KMS, or in the clear with its reason. A new
column (a projection, a snapshot, an index) is put on the list on purpose. Identifiers, times and yes/no values are read past.
"""

from typing import Final

import asyncpg
import pytest

from infra.migrate import SCHEMAS
from tests.support.postgres import Postgres

Column = tuple[str, str]

SEALED: Final[dict[str, str]] = {
    "events.data": "an event as stored: what it seals is in tests/contract/test_public_fields.py",
    "outbox.payload": "the same bytes",
    "parked.payload": "the same bytes, as they came",
    "snapshot.data": "a state folded from the same bytes, what they seal closed in it (ADR 0076)",
    "prompt.data": "the same bytes, as alliance_measurement published them",
    "data_key.wrapped": "a data key under the KMS's own key",
    "gate_key.wrapped": "a private key under the KMS's own key",
    "waiting_note.data": "an event as stored, sealed under a secret that lies in `envelope` alone (ADR 0015)",
    "waiting_note.envelope": "that secret and the author's token, sealed to a key whose private half the keyring holds",
}
_NUMBER: Final = "a place, version or count"
_CODE: Final = "a code out of a fixed list"
_NAME: Final = "of a type, topic, stream or service: made of ids and code words"
_SUB: Final = "`sub` of a member of staff (or of a client, in entries about themselves)"
_HASH: Final = "of ciphertext, of a salted payload, or under a secret of the service"
_LEDGER: Final = "the ledger's own: what it records of a disclosure, never what was disclosed (ADR 0020)"
_LABEL: Final = "security labels: the gate decides by them, and has nothing else to decide by (docs/security.md)"

PUBLIC: Final[dict[str, str]] = {
    "*.tenant_id": "which practice",
    **dict.fromkeys(
        (
            "*.ord", "*.position", "*.xid", "*.version", "*.schema_version", "*.sequence", "*.number", "*.idx",
            "inbox_number.last", "message_number.last", "outbox.id", "parked.id",
            "parked_order.id", "policy_heads.head", "sequence.global_seq", "snapshot.fold",
            "conditional_creates.turn", "*.kms_epoch", "erasure.recorded", "receipt.entry", "break_glass.minutes",
            "idempotency.status", "ledger_tile.level", "data_key.uses", "ledger_cosignature.size", "ledger_vkey.since_size",
            "late_write.entry", "completeness.following", "receipt_missing.entry", "retention_run.erased", "retention_run.held",
            "retention_run.years", "route_place.following", "review_batch.first",
            "review_batch.until", "review_decision.up_to", "review_open.clients", "*.times",
        ),
        _NUMBER,
    ),
    **dict.fromkeys(
        (
            "*.instrument", "*.rater", "*.purpose", "*.scope", "*.status", "*.state", "*.key_class", "*.record_type", "*.kind",
            "*.decision", "*.outcome", "*.action", "*.role", "*.law", "*.item", "*.missing", "*.fault", "parked.error",
            "*.operation", "kms_finding.reason", "*.because",
            "release_choice.therapist", "release_choice.supervisor", "*.agent_role",
            "client_index.field", "review_ground.ground", "review_question.marks", "review_tie.ties",
        ),
        _CODE,
    ),
    **dict.fromkeys(
        (
            "*.type", "*.topic", "*.stream", "*.service", "*.consumer", "*.source", "*.event_type", "inbox_number.key",
            "message_number.key", "parked.key", "parked_order.key", "outbox.aggregateid", "outbox.aggregatetype",
            "sequence_mark.cluster", "snapshot.form", "*.client_id", "*.kid", "route_place.route",
            "kms_finding.of_tenant", "kms_finding.of_client",
        ),
        _NAME,
    ),
    **dict.fromkeys(
        (
            "*.author", "*.sub", "*.holder", "*.approved_by", "*.decided_by", "*.written_by", "*.made_by", "*.ordered_by",
            "trusted_system.system", "trusted_system.registered_by", "trusted_system.ended_by", "solo_practice.practitioner",
            "solo_practice.second", "*.entered_by", "*.set_by", "*.placed_by", "*.ended_by",
            "idempotency.subject", "*.agent", "*.addressee", "*.practitioner", "session.therapist_id",
        ),
        _SUB,
    ),
    **dict.fromkeys(("*.digest", "idempotency.request", "record.link_digest", "ledger_entry.leaf", "ledger_tile.hashes"), _HASH),
    "answering_device.device": "of 32 random bytes that a browser made",
    **dict.fromkeys(
        ("ledger_entry.request_id", "ledger_payload.payload", "ledger_payload.salt"), _LEDGER
    ),
    "ledger_record.record_id": _LEDGER,
    **dict.fromkeys(
        ("ledger_cosignature.lines", "ledger_cosignature.note", "ledger_cosignature.witness", "ledger_vkey.vkey"),
        "a signed checkpoint, public by design: sizes, hashes, keys' names and signatures",
    ),
    "record.labels": _LABEL,
    "kms_call.context": "of ids that name a key: a digest",
    "kms_call.request_id": "the KMS's own number of a call",
    "kms_finding.request_id": "the same",
    "kms_finding.remote_address": "of whoever used the KMS: an address inside the deployment, or of a thief",
    "gate_key.public_key": "seals, and opens nothing",
    "gate_key_kept.statement": "a public key of the gate and its days",
    "gate_key_kept.headers": "the gate's signature of it",
    "waiting_note.request_id": "as its ledger entry has it: of a call, not of a person",
    "events.meta": "who, when, under which request and ledger entry: no field of the event",
    "parked.headers": "CloudEvents' own: ids, types, times, a signature",
    "idempotency.key": "an opaque token that the caller chooses",
    "idempotency.answer": "ids, status and version of what was made; content is rebuilt through the gate",
    "parked_order.reason": "why an operator gave a message up, one line: an operator holds no key and sees no payload",
    "client_index.token": "two bytes of an HMAC under a key that the service does not keep: a bucket, not a name (ADR 0055)",
    "client_index_work.spelling": "number of the rule by which names are folded: the same for every client",
    "persons.name": "of staff, never of a client: a directory (ADR 0043)",
    "ledger_agent.name": "of staff, never of a client: the ledger is searched by it",
    "policy_event.payload": "consent-policy.v1: codes, ids and periods (tests/contract/test_public_fields.py)",
    "schema_step.title": "what a step of the schema does, in the words of the source code",
    "trusted_system.name": "of a record system, as an administrator calls it: about no client",
    "solo_practice.second_name": "of the second person of a solo practice, who is staff: about no client",
    "accounting_step.step": "extended or answered: one of two codes",
    "note_hold.exception": "preventing_harm or privacy; why it was placed stands in the ledger's payload alone",
    "practice_letterhead.name": "of the practice: about no client",
    "practice_letterhead.address": "of the practice: about no client",
    "practice_letterhead.zone": "of the practice: about no client",
    "risk_settings.document": "who is on call and what clients read: about no client",
    "tenant_rules.provisions": "the organisation's own rules: about no client",
    "tenant_rules_wish.provisions": "the same, before a second officer wants it: about no client",
}  # fmt: skip

_COLUMNS: Final = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = 'public' AND data_type NOT IN ('uuid', 'boolean', 'timestamp with time zone', 'date')
"""


@pytest.fixture(scope="module")
async def columns(postgres: Postgres) -> set[Column]:
    """Of all tables that the services' own DDL makes."""
    urls = await postgres.make_databases(*SCHEMAS)
    found: set[Column] = set()
    for name in SCHEMAS:
        connection = await asyncpg.connect(urls[name].owner)
        try:
            found |= {(row["table_name"], row["column_name"]) for row in await connection.fetch(_COLUMNS)}
        finally:
            await connection.close()
    return found


def spellings(column: Column) -> set[str]:
    table, name = column
    return {f"{table}.{name}", f"*.{name}"}


def test_what_is_not_sealed_is_public_on_purpose(columns: set[Column]) -> None:
    listed = {*SEALED, *PUBLIC}
    assert sorted(".".join(c) for c in columns if not spellings(c) & listed) == [], "seal it, or list it with the reason"


def test_the_lists_hold_nothing_that_no_table_has(columns: set[Column]) -> None:
    real = {spelling for column in columns for spelling in spellings(column)}
    assert not {*SEALED, *PUBLIC} - real


def test_every_table_is_seen(columns: set[Column]) -> None:
    """The control: a list made from the wrong databases would let everything pass."""
    assert {"note", "answered", "records", "record", "ledger_entry", "erasure", "data_key", "events"} <= {t for t, _ in columns}


def test_no_free_text_score_or_identity_goes_by_a_pattern() -> None:
    """`*.name` and the like are never public for all tables at once."""
    for listed in PUBLIC:
        assert listed not in {"*.name", "*.text", "*.data", "*.payload", "*.score", "*.words", "*.note", "*.reason", "*.value"}
