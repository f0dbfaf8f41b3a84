"""Tables beside the event store: ids, authors, states and times; nothing sealed stands in them in the clear."""

from typing import Final

from services.session_notes.course.adapters import table as course
from services.session_notes.downtime.adapters import waiting_table
from shared.eventstore.schema import tenant_table
from shared.http.idempotency import SCHEMA as IDEMPOTENCY
from shared.messaging.parked import OPERATED
from shared.messaging.parked import SCHEMA as PARKED
from shared.service import amendments

_TABLES: Final = {
    "client": """
CREATE TABLE IF NOT EXISTS client (
  tenant_id text NOT NULL,
  client_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, client_id)
)
""",
    "session": """
CREATE TABLE IF NOT EXISTS session (
  tenant_id text NOT NULL,
  session_id uuid NOT NULL,
  client_id uuid NOT NULL,
  held boolean NOT NULL,
  created_at timestamptz NOT NULL,
  therapist_id text NOT NULL,
  changed_at timestamptz NOT NULL,
  in_error boolean NOT NULL,
  PRIMARY KEY (tenant_id, session_id)
)
""",
    "note": """
CREATE TABLE IF NOT EXISTS note (
  tenant_id text NOT NULL,
  note_id uuid NOT NULL,
  session_id uuid,
  client_id uuid NOT NULL,
  kind text NOT NULL,
  author text NOT NULL,
  created_at timestamptz NOT NULL,
  status text NOT NULL,
  cosignature_due boolean NOT NULL,
  PRIMARY KEY (tenant_id, note_id)
)
""",
    # prompts stay sealed: `data` is the published event as it came
    "prompt": """
CREATE TABLE IF NOT EXISTS prompt (
  tenant_id text NOT NULL,
  prompt_id uuid NOT NULL,
  client_id uuid NOT NULL,
  event_id uuid NOT NULL,
  schema_version int NOT NULL,
  data bytea NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, prompt_id)
)
""",
    "amendment": amendments.TABLE,
    # tokens by which clients are found: truncated HMACs under a key that this service does not keep (ADR 0055)
    "client_index": """
CREATE TABLE IF NOT EXISTS client_index (
  tenant_id text NOT NULL,
  field text NOT NULL,
  kid text NOT NULL,
  token bytea NOT NULL,
  client_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, field, kid, token, client_id)
)
""",
    # how far the tokens of a tenant are made anew under its newest key; `after` is the last client that is done
    "client_index_work": """
CREATE TABLE IF NOT EXISTS client_index_work (
  tenant_id text NOT NULL,
  kid text NOT NULL,
  after uuid,
  done boolean NOT NULL,
  PRIMARY KEY (tenant_id)
)
""",
    "client_index_tenant": """
CREATE TABLE IF NOT EXISTS client_index_tenant (
  tenant_id text NOT NULL,
  PRIMARY KEY (tenant_id)
)
""",
    **course.TABLES,
    "idempotency": IDEMPOTENCY,
    "parked": PARKED,
}

# by which rule names were folded before their tokens were made: 1 before this column was there
_COLUMNS: Final = ("ALTER TABLE client_index_work ADD COLUMN IF NOT EXISTS spelling int NOT NULL DEFAULT 1",)

_INDEXES: Final = (
    "CREATE INDEX IF NOT EXISTS session_of_client ON session (tenant_id, client_id, created_at, session_id)",
    "CREATE INDEX IF NOT EXISTS session_of_therapist ON session (tenant_id, therapist_id, created_at, session_id)",
    "CREATE INDEX IF NOT EXISTS client_by_time ON client (tenant_id, created_at, client_id)",
    "CREATE INDEX IF NOT EXISTS note_of_session ON note (tenant_id, session_id)",
    "CREATE INDEX IF NOT EXISTS note_of_client ON note (tenant_id, client_id, created_at, note_id)",
    "CREATE INDEX IF NOT EXISTS note_of_author ON note (tenant_id, author, created_at, note_id)",
    "CREATE INDEX IF NOT EXISTS client_index_of_client ON client_index (tenant_id, client_id)",
    amendments.INDEX,
    *course.INDEXES,
    "CREATE INDEX IF NOT EXISTS prompt_of_client ON prompt (tenant_id, client_id, at)",
)

# The one table that is read across tenants: their names and nothing else, so that work left by a crash is found.
_TENANT_NAMES: Final = (
    "DROP POLICY IF EXISTS client_index_tenant_names ON client_index_tenant",
    "CREATE POLICY client_index_tenant_names ON client_index_tenant FOR SELECT USING (true)",
)

DDL: Final[tuple[str, ...]] = (
    *_TABLES.values(),
    *_COLUMNS,
    *_INDEXES,
    *(statement for name in _TABLES for statement in tenant_table(name)),
    *waiting_table.SCHEMA,
    *OPERATED,
    *_TENANT_NAMES,
)
