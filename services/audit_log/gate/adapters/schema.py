"""Tables of the gate: its registry, what it knows of policy, grants, release choices and receipts. No clinical field."""

from typing import Final

from shared.eventstore.schema import tenant_table
from shared.http import idempotency
from shared.messaging import parked

_TABLES: Final = {
    "record": """
CREATE TABLE IF NOT EXISTS record (
  tenant_id text NOT NULL,
  record_id uuid NOT NULL,
  client_id uuid NOT NULL,
  record_type text NOT NULL,
  key_class text NOT NULL,
  author text,
  labels text[] NOT NULL,
  service text NOT NULL,
  kid text NOT NULL,
  link_digest text,
  created_at timestamptz NOT NULL,
  CONSTRAINT record_pkey PRIMARY KEY (tenant_id, record_id)
)""",
    "policy_event": """
CREATE TABLE IF NOT EXISTS policy_event (
  tenant_id text NOT NULL,
  sequence bigint NOT NULL CHECK (sequence > 0),
  event_id uuid NOT NULL,
  client_id uuid NOT NULL,
  payload bytea NOT NULL,
  received_at timestamptz NOT NULL,
  CONSTRAINT policy_event_pkey PRIMARY KEY (tenant_id, sequence)
)""",
    "break_glass": """
CREATE TABLE IF NOT EXISTS break_glass (
  tenant_id text NOT NULL,
  id uuid NOT NULL,
  sub text NOT NULL,
  client_id uuid NOT NULL,
  purpose text NOT NULL,
  scope text[] NOT NULL,
  minutes int NOT NULL,
  status text NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT break_glass_pkey PRIMARY KEY (tenant_id, id)
)""",
    "break_glass_approval": """
CREATE TABLE IF NOT EXISTS break_glass_approval (
  tenant_id text NOT NULL,
  grant_id uuid NOT NULL,
  approved_by text NOT NULL,
  approved_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT break_glass_approval_pkey PRIMARY KEY (tenant_id, grant_id)
)""",
    "release_choice": """
CREATE TABLE IF NOT EXISTS release_choice (
  tenant_id text NOT NULL,
  client_id uuid NOT NULL,
  therapist text NOT NULL,
  supervisor text NOT NULL,
  chosen_at timestamptz NOT NULL,
  CONSTRAINT release_choice_pkey PRIMARY KEY (tenant_id, client_id)
)""",
    "tenant_rules": """
CREATE TABLE IF NOT EXISTS tenant_rules (
  tenant_id text NOT NULL,
  version int NOT NULL CHECK (version > 0),
  law text NOT NULL,
  provisions bytea NOT NULL,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT tenant_rules_pkey PRIMARY KEY (tenant_id, version)
)""",
    "tenant_rules_wish": """
CREATE TABLE IF NOT EXISTS tenant_rules_wish (
  tenant_id text NOT NULL,
  law text NOT NULL,
  provisions bytea NOT NULL,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT tenant_rules_wish_pkey PRIMARY KEY (tenant_id)
)""",
    "grant_review": """
CREATE TABLE IF NOT EXISTS grant_review (
  tenant_id text NOT NULL,
  grant_id uuid NOT NULL,
  holder text NOT NULL,
  client_id uuid NOT NULL,
  purpose text NOT NULL,
  scope text[] NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  missing text[] NOT NULL,
  CONSTRAINT grant_review_pkey PRIMARY KEY (tenant_id, grant_id)
)""",
    "grant_documentation": """
CREATE TABLE IF NOT EXISTS grant_documentation (
  tenant_id text NOT NULL,
  grant_id uuid NOT NULL,
  item text NOT NULL,
  written_by text NOT NULL,
  written_at timestamptz NOT NULL,
  CONSTRAINT grant_documentation_pkey PRIMARY KEY (tenant_id, grant_id, item)
)""",
    "grant_decision": """
CREATE TABLE IF NOT EXISTS grant_decision (
  tenant_id text NOT NULL,
  grant_id uuid NOT NULL,
  decision text NOT NULL,
  decided_by text NOT NULL,
  decided_at timestamptz NOT NULL,
  CONSTRAINT grant_decision_pkey PRIMARY KEY (tenant_id, grant_id)
)""",
    "receipt": """
CREATE TABLE IF NOT EXISTS receipt (
  tenant_id text NOT NULL,
  event_id uuid NOT NULL,
  number bigint GENERATED ALWAYS AS IDENTITY,
  service text NOT NULL,
  sequence bigint NOT NULL,
  event_type text NOT NULL,
  record_id uuid NOT NULL,
  client_id uuid NOT NULL,
  entry bigint NOT NULL,
  digest text NOT NULL,
  fault text,
  received_at timestamptz NOT NULL,
  CONSTRAINT receipt_pkey PRIMARY KEY (tenant_id, event_id)
)""",
}

_INDEXES: Final = (
    "CREATE INDEX IF NOT EXISTS break_glass_holder ON break_glass (tenant_id, sub, purpose)",
    "CREATE INDEX IF NOT EXISTS grant_review_due ON grant_review (tenant_id, due_at)",
    "CREATE INDEX IF NOT EXISTS receipt_entry ON receipt (tenant_id, entry)",
)


def schema() -> list[str]:
    """Idempotent DDL, run by the owner. With it come `idempotency`, for POSTs, and `parked`, for messages not understood."""
    made = [*_TABLES.values(), *_INDEXES, idempotency.SCHEMA, parked.SCHEMA]
    return (
        made
        + [statement for name in (*_TABLES, "idempotency", "parked") for statement in tenant_table(name)]
        + [*parked.OPERATED]
    )
