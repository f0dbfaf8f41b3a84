"""Tables of administrations: who was asked what and when, and whose answers are still to be assessed."""

from typing import Final

TABLES: Final = {
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
}
INDEXES: Final = (
    "CREATE INDEX IF NOT EXISTS administration_of_client ON administration (tenant_id, client_id, ord)",
    "CREATE INDEX IF NOT EXISTS answered_of_client ON answered (tenant_id, client_id, instrument, rater, ord)",
)
