"""Tables of the global sequence: one row an event, dense from 1, written by the one sequencer that leads.

The app role reads its tenant's rows and can change none; the relay role sees of events nothing but where they stand.
"""

from typing import Final

TABLES: Final = (
    """
CREATE TABLE IF NOT EXISTS sequence (
  global_seq bigint NOT NULL,
  tenant_id text NOT NULL,
  position bigint NOT NULL,
  CONSTRAINT sequence_pkey PRIMARY KEY (global_seq),
  CONSTRAINT sequence_position_key UNIQUE (position)
)
""",
    "CREATE INDEX IF NOT EXISTS sequence_of_tenant ON sequence (tenant_id, global_seq) INCLUDE (position)",
    # one row: in cluster `cluster` everything up to (xid, position) has its number
    """
CREATE TABLE IF NOT EXISTS sequence_mark (
  single boolean NOT NULL DEFAULT true,
  cluster text NOT NULL,
  xid bigint NOT NULL,
  position bigint NOT NULL,
  CONSTRAINT sequence_mark_pkey PRIMARY KEY (single),
  CONSTRAINT sequence_mark_check CHECK (single)
)
""",
)
_EVENTS_SEEN: Final = "tenant_id, xid, position"
NUMBERS: Final = (
    # how many messages of a topic and key were relayed
    """
CREATE TABLE IF NOT EXISTS message_number (
  topic text NOT NULL,
  key text NOT NULL,
  last bigint NOT NULL,
  CONSTRAINT message_number_pkey PRIMARY KEY (topic, key)
)
""",
    # how far a consumer is in the messages of a topic, source and key
    """
CREATE TABLE IF NOT EXISTS inbox_number (
  tenant_id text NOT NULL,
  consumer text NOT NULL,
  topic text NOT NULL,
  source text NOT NULL,
  key text NOT NULL,
  last bigint NOT NULL,
  CONSTRAINT inbox_number_pkey PRIMARY KEY (tenant_id, consumer, topic, source, key)
)
""",
)

NUMBER_PAGE: Final = """
WITH mark AS (SELECT xid, position FROM sequence_mark),
page AS (
  SELECT e.tenant_id, e.xid, e.position FROM events e, mark m
  WHERE e.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint AND (e.xid, e.position) > (m.xid, m.position)
  ORDER BY e.xid, e.position LIMIT $1
),
fresh AS (
  SELECT p.* FROM page p WHERE NOT EXISTS (SELECT 1 FROM sequence s WHERE s.position = p.position)
),
numbered AS (
  INSERT INTO sequence (global_seq, tenant_id, position)
  SELECT (SELECT coalesce(max(global_seq), 0) FROM sequence) + row_number() OVER (ORDER BY f.xid, f.position), f.tenant_id,
    f.position
  FROM fresh f RETURNING 1
),
moved AS (
  UPDATE sequence_mark SET xid = last.xid, position = last.position
  FROM (SELECT xid, position FROM page ORDER BY xid DESC, position DESC LIMIT 1) AS last
)
SELECT (SELECT count(*) FROM page) AS seen, (SELECT count(*) FROM numbered) AS numbered
"""
"""Steady state: what lies behind the mark. `$1`: rows at most. Numbered rows of a restored database are stepped over."""

NUMBER_ALL: Final = """
WITH page AS (
  SELECT e.tenant_id, e.xid, e.position, CASE WHEN e.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint THEN 1 ELSE 0
    END AS era
  FROM events e
  WHERE (e.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      OR e.xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
    AND NOT EXISTS (SELECT 1 FROM sequence s WHERE s.position = e.position)
  ORDER BY era, e.xid, e.position LIMIT $1
),
numbered AS (
  INSERT INTO sequence (global_seq, tenant_id, position)
  SELECT (SELECT coalesce(max(global_seq), 0) FROM sequence) + row_number() OVER (ORDER BY p.era, p.xid, p.position),
    p.tenant_id, p.position
  FROM page p RETURNING 1
),
marked AS (
  INSERT INTO sequence_mark (cluster, xid, position)
  SELECT $2, pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, 9223372036854775807
  WHERE (SELECT count(*) FROM page) < $1
  ON CONFLICT (single) DO UPDATE SET cluster = excluded.cluster, xid = excluded.xid, position = excluded.position
)
SELECT count(*) AS seen, (SELECT count(*) FROM numbered) AS numbered FROM page
"""
"""In a cluster that the mark does not know (the first start, or a restored dump): whatever has no number, rows that come from
another cluster first. The last, short page sets the mark. `$1`: rows at most; `$2`: the cluster."""

CLUSTER: Final = "SELECT system_identifier::text FROM pg_control_system()"
"""Transaction ids mean something within one cluster alone."""


def relay_rights() -> list[tuple[str, str]]:
    """(rights, what) that the relay role needs besides the outbox."""
    return [
        (f"SELECT ({_EVENTS_SEEN})", "TABLE events"),
        ("SELECT, INSERT", "TABLE sequence"),
        ("SELECT, INSERT, UPDATE", "TABLE sequence_mark"),
        ("SELECT, INSERT, UPDATE", "TABLE message_number"),
    ]
