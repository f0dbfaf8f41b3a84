"""Tables of an event store, their row-level security and their grants; made by the owner (shared/eventstore/migrate.py).

The role that owns database `<db>` is `<db>_owner`; requests run as `<db>_app`, the relay as `<db>_relay`
(infra/postgres/provision.py). Row-level security is forced, so that it holds for the owner as well.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.schema import CreateIndex, CreateTable

from shared.eventstore import sequence, snapshot_table
from shared.eventstore.one_trip import APPEND_PLACED

_THIS_TRANSACTION = sa.text("(pg_current_xact_id()::text::bigint)")
_TENANT = "tenant_id = current_setting('app.tenant_id', true)"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VALUE = re.compile(r"[a-z][a-z0-9_-]*")
_DIALECT = PGDialect()  # type: ignore[no-untyped-call]

_RELAYS_ALL = ("events", "sequence", "sequence_mark", "message_number")
"""tables of which the relay role sees the rows of every tenant, as far as its grants go"""
INBOX_KEPT_DAYS = 30
"""The database itself refuses to forget a handled message sooner: far beyond any redelivery, by Kafka or by a relay."""

metadata = sa.MetaData()

events = sa.Table(
    "events",
    metadata,
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("xid", sa.BigInteger, nullable=False, server_default=_THIS_TRANSACTION),
    sa.Column("tenant_id", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("schema_version", sa.Integer, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("meta", sa.LargeBinary, nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("tenant_id", "stream", "version", name="events_pkey"),
    sa.UniqueConstraint("position", name="events_position_key"),
    sa.UniqueConstraint("tenant_id", "event_id", name="events_event_id_key"),
    sa.CheckConstraint("tenant_id <> '' AND version > 0", name="events_check"),
    sa.Index("events_order", "xid", "position"),
)
"""`data` and `meta` are bytea: what was digested is kept byte for byte, and it is 40 µs an append cheaper than jsonb."""

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("xid", sa.BigInteger, nullable=False, server_default=_THIS_TRANSACTION),
    sa.Column("tenant_id", sa.Text, nullable=False),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("aggregatetype", sa.Text, nullable=False),
    sa.Column("aggregateid", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("schema_version", sa.Integer, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("id", name="outbox_pkey"),
    sa.Index("outbox_fence", "xid", "id"),
)

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("tenant_id", sa.Text, nullable=False),
    sa.Column("consumer", sa.Text, nullable=False),
    sa.Column("message_id", sa.Uuid, nullable=False),
    sa.Column("handled_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("tenant_id", "consumer", "message_id", name="inbox_pkey"),
)

_IMMUTABLE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'events are immutable: append a correcting event instead' USING ERRCODE = 'restrict_violation';
END $$
"""

_NEWEST_VERSION = """
CREATE OR REPLACE FUNCTION newest_version(tenant text, wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', tenant, true);
  RETURN coalesce(
    (SELECT e.version FROM events e WHERE e.tenant_id = tenant AND e.stream = wanted ORDER BY e.version DESC LIMIT 1), 0);
END $$
"""

# A function, because each statement in it sees what was committed before that statement: the versions are read under the locks.
_LOCK_STREAMS = """
CREATE OR REPLACE FUNCTION lock_streams(tenant text, names text[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  wanted text;
  newest bigint[] := '{}';
BEGIN
  PERFORM set_config('app.tenant_id', tenant, true);
  FOREACH wanted IN ARRAY names LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(tenant || '/' || wanted, 0));
  END LOOP;
  FOREACH wanted IN ARRAY names LOOP
    newest := newest || newest_version(tenant, wanted);
  END LOOP;
  RETURN newest;
END $$
"""

_READ_STREAM = """
CREATE OR REPLACE FUNCTION read_stream(tenant text, wanted text, after bigint, until_version bigint, until timestamptz)
RETURNS TABLE(version bigint, "position" bigint, event_id uuid, type text, schema_version int, data bytea, meta bytea,
              recorded_at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', tenant, true);
  RETURN QUERY SELECT e.version, e.position, e.event_id, e.type, e.schema_version, e.data, e.meta, e.recorded_at
    FROM events e
    WHERE e.tenant_id = tenant AND e.stream = wanted AND e.version > after
      AND (until_version IS NULL OR e.version <= until_version) AND (until IS NULL OR e.recorded_at <= until)
    ORDER BY e.version;
END $$
"""


def tenant_table(name: str) -> list[str]:
    """Forces row-level security on a table with a `tenant_id text` column, and grants the app role its rows.

    For tables that a service makes beside the store's own. Raises ValueError for a name that is not lower_snake_case.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no table name: use lower_snake_case")
    return [*_isolated(name), _grant("app", "SELECT, INSERT, UPDATE, DELETE", name)]


def base_ddl() -> list[str]:
    """Everything the store needs; each statement may run again."""
    ddl = [
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        *(_to_role(purpose, "USAGE", "SCHEMA public") for purpose in ("app", "relay")),
    ]
    for table in metadata.sorted_tables:
        ddl.append(_text(CreateTable(table, if_not_exists=True)))
        ddl += [_text(CreateIndex(index, if_not_exists=True)) for index in sorted(table.indexes, key=lambda i: str(i.name))]
        ddl += _isolated(table.name)
    ddl += [
        *sequence.TABLES,
        *sequence.NUMBERS,
        *_isolated("inbox_number"),
        *_forced("message_number"),
        *_isolated("sequence"),
        *_forced("sequence_mark"),
        *snapshot_table.TABLE,
        *tenant_table("snapshot"),
        _IMMUTABLE,
        "DROP TRIGGER IF EXISTS events_immutable ON events",
        "CREATE TRIGGER events_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        _NEWEST_VERSION,
        _LOCK_STREAMS,
        _READ_STREAM,
        snapshot_table.READ_FROM_SNAPSHOTS,
        APPEND_PLACED,
        _grant("app", "SELECT, INSERT", "events"),
        _grant("app", "SELECT, INSERT", "outbox"),
        _grant("app", "SELECT, INSERT, DELETE", "inbox"),
        "DROP POLICY IF EXISTS outbox_relay ON outbox",
        as_role("relay", "CREATE POLICY outbox_relay ON outbox TO {role} USING (true)"),
        _grant("relay", "SELECT, DELETE", "outbox"),
        *_pruned_inbox(),
        _grant("app", "SELECT", "sequence"),
        _grant("app", "SELECT, INSERT, UPDATE", "inbox_number"),
        *(_to_role("relay", rights, what) for rights, what in sequence.relay_rights()),
        *(statement for table in _RELAYS_ALL for statement in _seen_by_sequencer(table)),
    ]
    return ddl


def enumerated(table: str, column: str, values: Iterable[str]) -> str:
    """The check that a column holds one of `values`, under a name of its own: said again when the enumeration grows.

    Raises ValueError for a value that is not a plain word.
    """
    named = sorted(values)
    if wrong := [v for v in named if not _VALUE.fullmatch(v)]:
        raise ValueError(f"{wrong!r}: values of an enumeration are lower_snake_case or kebab-case")
    name, listed = f"{table}_{column}_check", ", ".join(f"'{v}'" for v in named)
    return f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} CHECK ({column} IN ({listed}))"


def digest(ddl: Sequence[str]) -> str:
    """Names a list of statements, so that it runs once a database and not at every start."""
    return sha256("\x00".join(ddl).encode()).hexdigest()


def _pruned_inbox() -> list[str]:
    """The relay role may delete what is older than `INBOX_KEPT_DAYS`, of every tenant, and sees only when it was written."""
    return [
        "DROP POLICY IF EXISTS inbox_pruned ON inbox",
        as_role(
            "relay",
            f"CREATE POLICY inbox_pruned ON inbox TO {{role}} USING (handled_at < now() - interval '{INBOX_KEPT_DAYS} days')",
        ),
        _grant("relay", "SELECT (handled_at), DELETE", "inbox"),
    ]


def _forced(table: str) -> list[str]:
    return [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"]


def _seen_by_sequencer(table: str) -> list[str]:
    name = f"{table}_sequencer"
    return [
        f"DROP POLICY IF EXISTS {name} ON {table}",
        as_role("relay", f"CREATE POLICY {name} ON {table} TO {{role}} USING (true) WITH CHECK (true)"),
    ]


def _isolated(table: str) -> list[str]:
    return [
        *_forced(table),
        f"DROP POLICY IF EXISTS {table}_tenant ON {table}",
        f"CREATE POLICY {table}_tenant ON {table} USING ({_TENANT}) WITH CHECK ({_TENANT})",
    ]


def _grant(purpose: str, rights: str, table: str) -> str:
    return _to_role(purpose, rights, f"TABLE {table}")


def _to_role(purpose: str, rights: str, what: str) -> str:
    return as_role(purpose, f"GRANT {rights} ON {what} TO {{role}}")


def as_role(purpose: str, statement: str) -> str:
    """The statement with the database's app or relay role for `{role}`: found from the owner's name when it runs."""
    template = statement.replace("'", "''").replace("{role}", "%I")
    return f"DO $do$ BEGIN EXECUTE format('{template}', regexp_replace(current_user, '_owner$', '_{purpose}')); END $do$"


def _text(statement: CreateTable | CreateIndex) -> str:
    return str(statement.compile(dialect=_DIALECT)).strip()
