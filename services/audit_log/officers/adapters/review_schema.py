"""Tables derived from the ledger for its officers: counts for pictures, and accesses that nothing explains (ADR 0027, 0028).

All of them can be dropped and made anew from the ledger, except decisions and ties, which have entries of their own. No name
and no clinical word stands here.
"""

from typing import Final

from shared.eventstore.schema import tenant_table

_TABLES: Final = {
    "review_batch": """
CREATE TABLE IF NOT EXISTS review_batch (
  tenant_id text NOT NULL,
  first bigint NOT NULL,
  until bigint NOT NULL CHECK (until > first),
  CONSTRAINT review_batch_pkey PRIMARY KEY (tenant_id, first)
)""",
    "review_hour": """
CREATE TABLE IF NOT EXISTS review_hour (
  tenant_id text NOT NULL,
  hour timestamptz NOT NULL,
  kind text NOT NULL,
  outcome text NOT NULL,
  times bigint NOT NULL,
  CONSTRAINT review_hour_pkey PRIMARY KEY (tenant_id, hour, kind, outcome)
)""",
    **{
        f"review_person_{span}": f"""
CREATE TABLE IF NOT EXISTS review_person_{span} (
  tenant_id text NOT NULL,
  {span} date NOT NULL,
  agent text NOT NULL,
  agent_role text NOT NULL,
  purpose text NOT NULL,
  times bigint NOT NULL,
  CONSTRAINT review_person_{span}_pkey PRIMARY KEY (tenant_id, {span}, agent, agent_role, purpose)
)"""
        for span in ("day", "month")
    },
    "review_ground": """
CREATE TABLE IF NOT EXISTS review_ground (
  tenant_id text NOT NULL,
  day date NOT NULL,
  ground text NOT NULL,
  times bigint NOT NULL,
  CONSTRAINT review_ground_pkey PRIMARY KEY (tenant_id, day, ground)
)""",
    "review_question": """
CREATE TABLE IF NOT EXISTS review_question (
  tenant_id text NOT NULL,
  idx bigint NOT NULL,
  agent text NOT NULL,
  client_id text NOT NULL,
  at timestamptz NOT NULL,
  marks text[] NOT NULL,
  CONSTRAINT review_question_pkey PRIMARY KEY (tenant_id, idx)
)""",
    "review_open": """
CREATE TABLE IF NOT EXISTS review_open (
  tenant_id text NOT NULL,
  agent text NOT NULL,
  times bigint NOT NULL,
  clients bigint NOT NULL,
  first timestamptz,
  last timestamptz,
  CONSTRAINT review_open_pkey PRIMARY KEY (tenant_id, agent)
)""",
    "review_tie": """
CREATE TABLE IF NOT EXISTS review_tie (
  tenant_id text NOT NULL,
  agent text NOT NULL,
  client_id text NOT NULL,
  ties text[] NOT NULL,
  computed_at timestamptz NOT NULL,
  CONSTRAINT review_tie_pkey PRIMARY KEY (tenant_id, agent, client_id)
)""",
    "review_decision": """
CREATE TABLE IF NOT EXISTS review_decision (
  tenant_id text NOT NULL,
  agent text NOT NULL,
  up_to bigint NOT NULL,
  decision text NOT NULL,
  decided_by text NOT NULL,
  decided_at timestamptz NOT NULL,
  CONSTRAINT review_decision_pkey PRIMARY KEY (tenant_id, agent, up_to)
)""",
}
_INDEXES: Final = (
    "DROP INDEX IF EXISTS review_question_at",
    "CREATE INDEX IF NOT EXISTS review_question_agent ON review_question (tenant_id, agent, idx)",
    "CREATE INDEX IF NOT EXISTS record_client ON record (tenant_id, client_id, created_at)",
)


def schema() -> list[str]:
    """Idempotent DDL, run by the owner after the gate's own."""
    return [*_TABLES.values(), *_INDEXES, *(statement for name in _TABLES for statement in tenant_table(name))]
