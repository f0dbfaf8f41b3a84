"""The schema of `session_notes`, and the steps by which older databases reach it.

How to add one: docs/operations/migrations.md.
"""

from typing import Final

from services.session_notes.schema import DDL
from shared.eventstore.migrate import Step, event_store_schema, taken_over
from shared.messaging import parked

_READ_WHOLE: Final = ("events", "session", "note")
"""tables that the step reads and fills of all tenants: row-level security binds their owner too, except in this transaction"""
_WORKING_DAY: Final = (
    *(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY" for table in _READ_WHOLE),
    "ALTER TABLE session ADD COLUMN therapist_id text",
    "ALTER TABLE session ADD COLUMN changed_at timestamptz",
    "ALTER TABLE session ADD COLUMN in_error boolean",
    "UPDATE session s SET changed_at = created_at, in_error = false, therapist_id = "
    "(SELECT convert_from(e.data, 'UTF8')::jsonb ->> 'therapist_id' FROM events e "
    "WHERE e.tenant_id = s.tenant_id AND e.stream = 'session/' || s.session_id AND e.version = 1)",
    "ALTER TABLE session ALTER COLUMN therapist_id SET NOT NULL",
    "ALTER TABLE session ALTER COLUMN changed_at SET NOT NULL",
    "ALTER TABLE session ALTER COLUMN in_error SET NOT NULL",
    "ALTER TABLE note ADD COLUMN status text",
    "ALTER TABLE note ADD COLUMN cosignature_due boolean",
    "UPDATE note SET status = 'draft', cosignature_due = false",
    "UPDATE note n SET status = CASE WHEN told.cosigned THEN 'cosigned' ELSE 'signed' END "
    "FROM (SELECT tenant_id, stream, bool_or(type LIKE '%-note-cosigned') AS cosigned FROM events "
    "WHERE type LIKE '%-note-signed' OR type LIKE '%-note-cosigned' GROUP BY tenant_id, stream) told "
    "WHERE told.tenant_id = n.tenant_id AND told.stream = n.kind || '-note/' || n.note_id",
    "ALTER TABLE note ALTER COLUMN status SET NOT NULL",
    "ALTER TABLE note ALTER COLUMN cosignature_due SET NOT NULL",
    *(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY" for table in _READ_WHOLE),
)

STEPS: Final[tuple[Step, ...]] = (
    taken_over(*parked.TAKEN_OVER),
    Step("the working day: whose session, its state, the state of a note", _WORKING_DAY),
    Step("a note may be without a session", ("ALTER TABLE note ALTER COLUMN session_id DROP NOT NULL",)),
)
SCHEMA: Final = event_store_schema("session_notes", DDL, STEPS)
