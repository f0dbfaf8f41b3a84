"""Course records in PostgreSQL: the index by which they are found. Nothing sealed stands in it in the clear."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from services.session_notes.course.application.ports import CourseRow, Wanted
from services.session_notes.desk.application.ports import Position
from shared.contracts.course import CourseEvent, CourseOpened
from shared.contracts.records import RecordType
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore

TABLES: Final = {
    "course_record": """
CREATE TABLE IF NOT EXISTS course_record (
  tenant_id text NOT NULL,
  record_id uuid NOT NULL,
  client_id uuid NOT NULL,
  record_type text NOT NULL,
  author text NOT NULL,
  session_id uuid,
  created_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  status text NOT NULL,
  due_at timestamptz,
  PRIMARY KEY (tenant_id, record_id)
)
""",
    # goals and tasks, by the plan that they are part of
    "course_part": """
CREATE TABLE IF NOT EXISTS course_part (
  tenant_id text NOT NULL,
  part_id uuid NOT NULL,
  record_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, part_id)
)
""",
}
INDEXES: Final = (
    "CREATE INDEX IF NOT EXISTS course_record_of_client ON course_record (tenant_id, client_id, created_at, record_id)",
    "CREATE INDEX IF NOT EXISTS course_record_of_session ON course_record (tenant_id, session_id)",
    "CREATE INDEX IF NOT EXISTS course_record_by_type ON course_record (tenant_id, record_type, created_at, record_id)",
)
_COLUMNS: Final = "record_id, client_id, record_type, author, session_id, created_at, changed_at, status, due_at"
_ONE: Final = f"SELECT {_COLUMNS} FROM course_record WHERE tenant_id = $1 AND record_id = $2 AND record_type = ANY($3::text[])"  # noqa: S608
_WHOLE: Final = "SELECT record_id FROM course_part WHERE tenant_id = $1 AND part_id = $2"
_THERAPISTS: Final = (
    "SELECT therapist_id, max(created_at) AS newest FROM session WHERE tenant_id = $1 AND client_id = $2 "
    "GROUP BY therapist_id ORDER BY newest DESC"
)
_ROWS: Final = (
    f"SELECT {_COLUMNS} FROM course_record WHERE tenant_id = $1 AND record_type = ANY($2::text[]) "  # noqa: S608
    "AND ($3::uuid IS NULL OR client_id = $3) AND ($4::uuid IS NULL OR session_id = $4) AND ($5::text IS NULL OR author = $5) "
    "AND ($6::text IS NULL OR status = $6) AND ($7::timestamptz IS NULL OR due_at <= $7) "
    "AND ($8::timestamptz IS NULL OR (created_at, record_id) < ($8, $9::uuid)) "
    f"AND ($10::text IS NULL OR author = $10 OR record_type <> '{RecordType.PSYCHOTHERAPY_NOTE}') "
    "ORDER BY created_at DESC, record_id DESC LIMIT $11"
)
_OPENED: Final = f"INSERT INTO course_record (tenant_id, {_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9)"  # noqa: S608
_CHANGED: Final = (
    "UPDATE course_record SET changed_at = $3, status = coalesce($4, status), "
    "due_at = CASE WHEN $6::bool THEN $5 ELSE due_at END WHERE tenant_id = $1 AND record_id = $2"
)
_PART: Final = "INSERT INTO course_part (tenant_id, part_id, record_id) VALUES ($1, $2, $3)"
_DUE: Final = "due_at"
_PART_OF: Final = "part_id"


class PostgresCourse:
    """`CourseIndex`."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def record(self, tenant: str, record_id: UUID, types: Sequence[RecordType]) -> CourseRow | None:
        rows = await self._store.fetch(tenant, _ONE, tenant, record_id, [str(t) for t in types])
        return _row(rows[0]) if rows else None

    async def whole(self, tenant: str, part_id: UUID) -> UUID | None:
        rows = await self._store.fetch(tenant, _WHOLE, tenant, part_id)
        found: UUID | None = rows[0]["record_id"] if rows else None
        return found

    async def therapists(self, tenant: str, client_id: UUID) -> list[str]:
        return [row["therapist_id"] for row in await self._store.fetch(tenant, _THERAPISTS, tenant, client_id)]

    async def rows(self, tenant: str, wanted: Wanted, after: Position | None, limit: int) -> list[CourseRow]:
        place = (after.created_at, after.id) if after else (None, None)
        asked = (
            *(tenant, [str(t) for t in wanted.types], wanted.client_id, wanted.session_id),
            *(wanted.author, wanted.status, wanted.due_by, *place, wanted.reader, limit),
        )
        return [_row(row) for row in await self._store.fetch(tenant, _ROWS, *asked)]


def course_rows(tenant: str, event: CourseEvent) -> tuple[Statement, ...]:
    """What the event changes in the index: `due_at` and `part_id` where its type has such a field."""
    has_due, due = _DUE in type(event).model_fields, getattr(event, _DUE, None)
    part: UUID | None = getattr(event, _PART_OF, None)
    if isinstance(event, CourseOpened):
        about = (tenant, event.record_id, event.client_id, str(event.OF), event.by, event.session_id, event.at)
        return (Statement(_OPENED, (*about, event.STANDING, due)),)
    changed = Statement(_CHANGED, (tenant, event.record_id, event.at, event.STANDING, due, has_due))
    return (changed,) if part is None else (changed, Statement(_PART, (tenant, part, event.record_id)))


def _row(row: Mapping[str, Any]) -> CourseRow:
    return CourseRow(
        row["record_id"],
        row["client_id"],
        RecordType(row["record_type"]),
        row["author"],
        row["session_id"],
        row["created_at"],
        row["changed_at"],
        row["status"],
        row["due_at"],
    )
