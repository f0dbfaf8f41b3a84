"""Tables beside the event store: ids, instruments, states and times; no answer and no score."""

from typing import Final

from services.alliance_measurement.adapters import risk_table
from shared.eventstore.schema import tenant_table
from shared.http.idempotency import SCHEMA as IDEMPOTENCY
from shared.messaging.parked import OPERATED
from shared.messaging.parked import SCHEMA as PARKED
from shared.service import amendments

_TABLES: Final = {
    "administration": """
CREATE TABLE IF NOT EXISTS administration (
  ord bigint GENERATED ALWAYS AS IDENTITY,
  tenant_id text NOT NULL,
  administration_id uuid NOT NULL,
  client_id uuid NOT NULL,
  instrument text NOT NULL,
  rater text NOT NULL,
  session_id uuid,
  requested_at timestamptz NOT NULL,
  CONSTRAINT administration_pkey PRIMARY KEY (tenant_id, administration_id)
)
""",
    # `ord` is the order of answering, which numbers a course
    "answered": """
CREATE TABLE IF NOT EXISTS answered (
  ord bigint GENERATED ALWAYS AS IDENTITY,
  tenant_id text NOT NULL,
  administration_id uuid NOT NULL,
  client_id uuid NOT NULL,
  instrument text NOT NULL,
  rater text NOT NULL,
  answered_at timestamptz NOT NULL,
  CONSTRAINT answered_pkey PRIMARY KEY (tenant_id, administration_id)
)
""",
    "outcome": """
CREATE TABLE IF NOT EXISTS outcome (
  ord bigint GENERATED ALWAYS AS IDENTITY,
  tenant_id text NOT NULL,
  outcome_id uuid NOT NULL,
  client_id uuid NOT NULL,
  CONSTRAINT outcome_pkey PRIMARY KEY (tenant_id, outcome_id)
)
""",
    "release_choice": """
CREATE TABLE IF NOT EXISTS release_choice (
  tenant_id text NOT NULL,
  client_id uuid NOT NULL,
  choice_id uuid NOT NULL,
  therapist text NOT NULL,
  supervisor text NOT NULL,
  CONSTRAINT release_choice_pkey PRIMARY KEY (tenant_id, client_id)
)
""",
    "scheduled": """
CREATE TABLE IF NOT EXISTS scheduled (
  tenant_id text NOT NULL,
  session_id uuid NOT NULL,
  CONSTRAINT scheduled_pkey PRIMARY KEY (tenant_id, session_id)
)
""",
    # written with the answer, deleted with the prompt: whatever is left after a crash is done at the next start
    "assessment_due": """
CREATE TABLE IF NOT EXISTS assessment_due (
  tenant_id text NOT NULL,
  administration_id uuid NOT NULL,
  client_id uuid NOT NULL,
  CONSTRAINT assessment_due_pkey PRIMARY KEY (tenant_id, administration_id)
)
""",
    "assessment_tenant": """
CREATE TABLE IF NOT EXISTS assessment_tenant (
  tenant_id text NOT NULL,
  CONSTRAINT assessment_tenant_pkey PRIMARY KEY (tenant_id)
)
""",
    **risk_table.TABLES,
    "amendment": amendments.TABLE,
    "idempotency": IDEMPOTENCY,
    "parked": PARKED,
}

_INDEXES: Final = (
    "CREATE INDEX IF NOT EXISTS administration_of_client ON administration (tenant_id, client_id, ord)",
    "CREATE INDEX IF NOT EXISTS answered_of_client ON answered (tenant_id, client_id, instrument, rater, ord)",
    "CREATE INDEX IF NOT EXISTS outcome_of_client ON outcome (tenant_id, client_id, ord)",
    *risk_table.INDEXES,
    amendments.INDEX,
)

# The one table that is read across tenants: their names and nothing else, so that work left by a crash is found.
_TENANT_NAMES: Final = (
    "DROP POLICY IF EXISTS assessment_tenant_names ON assessment_tenant",
    "CREATE POLICY assessment_tenant_names ON assessment_tenant FOR SELECT USING (true)",
)

DDL: Final[tuple[str, ...]] = (
    *_TABLES.values(),
    *_INDEXES,
    *(statement for name in _TABLES for statement in tenant_table(name)),
    *OPERATED,
    *_TENANT_NAMES,
)
