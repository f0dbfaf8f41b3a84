"""Tables beside the event store: ids, authors, states and times; nothing sealed stands in them in the clear."""

from typing import Final

from services.session_notes.adapters import waiting_table
from shared.eventstore.schema import tenant_table
from shared.http.idempotency import SCHEMA as IDEMPOTENCY
from shared.messaging.parked import OPERATED
from shared.messaging.parked import SCHEMA as PARKED

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
  PRIMARY KEY (tenant_id, session_id)
)
""",
    "note": """
CREATE TABLE IF NOT EXISTS note (
  tenant_id text NOT NULL,
  note_id uuid NOT NULL,
  session_id uuid NOT NULL,
  client_id uuid NOT NULL,
  kind text NOT NULL,
  author text NOT NULL,
  created_at timestamptz NOT NULL,
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
    "idempotency": IDEMPOTENCY,
    "parked": PARKED,
}

_INDEXES: Final = (
    "CREATE INDEX IF NOT EXISTS session_of_client ON session (tenant_id, client_id, created_at, session_id)",
    "CREATE INDEX IF NOT EXISTS note_of_client ON note (tenant_id, client_id, created_at, note_id)",
    "CREATE INDEX IF NOT EXISTS note_of_author ON note (tenant_id, author, created_at, note_id)",
    "CREATE INDEX IF NOT EXISTS prompt_of_client ON prompt (tenant_id, client_id, at)",
)

DDL: Final[tuple[str, ...]] = (
    *_TABLES.values(),
    *_INDEXES,
    *(statement for name in _TABLES for statement in tenant_table(name)),
    *waiting_table.SCHEMA,
    *OPERATED,
)
