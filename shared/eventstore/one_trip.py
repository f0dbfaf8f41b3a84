"""A batch of plain appends in one statement: locks, versions, events and outbox rows without a round trip in between.

The versions are placed beforehand, by those that this process saw last; the statement writes only where they are still the
newest under the locks, and says what they are where they are not. Nothing is decided by what is remembered alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_KEPT: Final = 50_000
"""streams remembered; a forgotten one costs a round trip"""

APPEND_PLACED: Final = """
CREATE OR REPLACE FUNCTION append_placed(
  tenant text, names text[], bases bigint[], at timestamptz,
  streams text[], versions bigint[], ids uuid[], types text[], schemas int[], datas bytea[], metas bytea[],
  out_ids uuid[], out_topics text[], out_keys text[], out_types text[], out_schemas int[], out_streams text[],
  out_sequences bigint[], out_payloads bytea[]
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  newest bigint[] := lock_streams(tenant, names);
BEGIN
  IF newest IS DISTINCT FROM bases THEN
    RETURN newest;
  END IF;
  IF cardinality(streams) > 0 THEN
    INSERT INTO events (tenant_id, recorded_at, stream, version, event_id, type, schema_version, data, meta)
      SELECT tenant, at, e.* FROM unnest(streams, versions, ids, types, schemas, datas, metas) AS e;
  END IF;
  IF cardinality(out_ids) > 0 THEN
    INSERT INTO outbox (tenant_id, event_id, aggregatetype, aggregateid, type, schema_version, stream, sequence, payload)
      SELECT tenant, o.* FROM unnest(
        out_ids, out_topics, out_keys, out_types, out_schemas, out_streams, out_sequences, out_payloads) AS o;
  END IF;
  RETURN NULL;
END $$
"""
"""NULL: written. Else the newest versions of `names`, and nothing is written. The locks come before anything that takes a
transaction id, as the reader's fence asks."""
CALL: Final = "SELECT append_placed(" + ", ".join(f"${n}" for n in range(1, 20)) + ")"


class KnownVersions:
    """What this process believes to be the newest version of streams: a guess, checked under the locks."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], int] = {}

    def guess(self, tenant: str, streams: Sequence[str]) -> dict[str, int]:
        """0 for a stream that is not known: it may be new."""
        return {stream: self._known.get((tenant, stream), 0) for stream in streams}

    def learn(self, tenant: str, versions: Mapping[str, int]) -> None:
        if len(self._known) + len(versions) > _KEPT:
            self._known.clear()
        self._known.update({(tenant, stream): version for stream, version in versions.items()})


def columns(placed: Sequence[Any]) -> list[list[Any]]:
    """The events' columns, in the order of the table."""
    return [
        [p.stream for p in placed],
        [p.version for p in placed],
        [p.event.event_id for p in placed],
        [p.event.type for p in placed],
        [p.event.schema_version for p in placed],
        [p.event.data for p in placed],
        [p.event.meta for p in placed],
    ]


def outgoing(placed: Sequence[Any]) -> list[list[Any]]:
    """The outbox rows' columns; each list is empty where nothing is published."""
    out = [(p, publication) for p in placed for publication in p.event.publish]
    return [
        [m.event_id or p.event.event_id for p, m in out],
        [m.topic for _, m in out],
        [m.key for _, m in out],
        [m.type or p.event.type for p, m in out],
        [p.event.schema_version if m.payload is None else m.schema_version for p, m in out],
        [p.stream for p, _ in out],
        [p.version for p, _ in out],
        [p.event.data if m.payload is None else m.payload for p, m in out],
    ]
