"""Tables of this service beside the event store's own: ids and counters, nothing that was ever sealed."""

from typing import Final

from shared.eventstore.schema import tenant_table
from shared.http.idempotency import SCHEMA as IDEMPOTENCY
from shared.messaging.parked import OPERATED
from shared.messaging.parked import SCHEMA as PARKED

_RECORDS: Final = """
CREATE TABLE IF NOT EXISTS records (
  tenant_id text NOT NULL,
  record_type text NOT NULL,
  record_id uuid NOT NULL,
  client_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT records_pkey PRIMARY KEY (tenant_id, record_type, record_id)
)
"""
_RECORDS_BY_CLIENT: Final = (
    "CREATE INDEX IF NOT EXISTS records_by_client ON records (tenant_id, record_type, client_id, created_at DESC, record_id DESC)"
)
_POLICY_HEADS: Final = """
CREATE TABLE IF NOT EXISTS policy_heads (
  tenant_id text PRIMARY KEY,
  head bigint NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now()
)
"""

_DEADLINES: Final = """
CREATE TABLE IF NOT EXISTS deadlines (
  tenant_id text NOT NULL,
  record_type text NOT NULL,
  record_id uuid NOT NULL,
  client_id uuid NOT NULL,
  due_at timestamptz NOT NULL,
  CONSTRAINT deadlines_pkey PRIMARY KEY (tenant_id, record_id)
)
"""
_DEADLINES_BY_TIME: Final = "CREATE INDEX IF NOT EXISTS deadlines_by_time ON deadlines (tenant_id, due_at)"
_PERSONS: Final = """
CREATE TABLE IF NOT EXISTS persons (
  tenant_id text NOT NULL,
  sub text NOT NULL,
  name text NOT NULL,
  role text NOT NULL,
  seen_at timestamptz NOT NULL,
  CONSTRAINT persons_pkey PRIMARY KEY (tenant_id, sub)
)
"""

DDL: Final = (
    IDEMPOTENCY,
    *tenant_table("idempotency"),
    PARKED,
    *tenant_table("parked"),
    *OPERATED,
    _RECORDS,
    _RECORDS_BY_CLIENT,
    *tenant_table("records"),
    _POLICY_HEADS,
    *tenant_table("policy_heads"),
    _DEADLINES,
    _DEADLINES_BY_TIME,
    *tenant_table("deadlines"),
    _PERSONS,
    *tenant_table("persons"),
    # a heartbeat names every tenant's newest sequence: the names of tenants and a counter are all that this opens
    "DROP POLICY IF EXISTS policy_heads_listed ON policy_heads",
    "CREATE POLICY policy_heads_listed ON policy_heads FOR SELECT USING (true)",
)
