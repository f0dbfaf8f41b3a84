"""Table of snapshots: one row a stream, the newest; and the one query that reads from them (ADR 0076)."""

from typing import Final

TABLE: Final = (
    """
CREATE TABLE IF NOT EXISTS snapshot (
  tenant_id text NOT NULL,
  stream text NOT NULL,
  client_id uuid NOT NULL,
  version bigint NOT NULL,
  form text NOT NULL,
  fold int NOT NULL,
  data bytea NOT NULL,
  CONSTRAINT snapshot_pkey PRIMARY KEY (tenant_id, stream)
)
""",
    # an erasure drops those of a client
    "CREATE INDEX IF NOT EXISTS snapshot_of_client ON snapshot (tenant_id, client_id)",
)

READ_FROM_SNAPSHOTS: Final = """
CREATE OR REPLACE FUNCTION read_from_snapshots(tenant text, names text[], of_form text, of_fold int)
RETURNS TABLE(stream text, version bigint, "position" bigint, event_id uuid, type text, schema_version int, data bytea,
              meta bytea, recorded_at timestamptz) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('app.tenant_id', tenant, true);
  DELETE FROM snapshot s
    WHERE s.tenant_id = tenant AND s.stream = ANY(names) AND (s.form, s.fold) IS DISTINCT FROM (of_form, of_fold);
  RETURN QUERY
    WITH kept AS (
      SELECT n.stream, s.version, s.data
      FROM unnest(names) AS n(stream)
      LEFT JOIN snapshot s ON s.tenant_id = tenant AND s.stream = n.stream AND s.form = of_form AND s.fold = of_fold
    )
    SELECT k.stream, k.version, NULL::bigint, NULL::uuid, NULL::text, NULL::int, k.data, NULL::bytea, NULL::timestamptz
      FROM kept k WHERE k.version IS NOT NULL
    UNION ALL
    SELECT k.stream, e.version, e.position, e.event_id, e.type, e.schema_version, e.data, e.meta, e.recorded_at
      FROM kept k, LATERAL (
        SELECT * FROM events own WHERE own.tenant_id = tenant AND own.stream = k.stream AND own.version > coalesce(k.version, 0)
      ) AS e
    ORDER BY 1, 2;
END $$
"""
"""One statement reads snapshots and what lies behind them, so both are of one moment. A row without an event's id: a snapshot.
Every question has the same plan (by both primary keys): to plan anew each time costs as much as to answer for a short stream."""

TAKE: Final = """
INSERT INTO snapshot (tenant_id, stream, client_id, version, form, fold, data) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, stream) DO UPDATE SET version = excluded.version, form = excluded.form, fold = excluded.fold,
  data = excluded.data
"""
