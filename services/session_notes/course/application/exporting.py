"""Course records in a client's export: one source a record type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.session_notes.course.application.ports import CourseRow, View, Wanted
from services.session_notes.course.application.records import Courses, views_of
from services.session_notes.desk.application.ports import Position
from shared.contracts.disclosure import MAX_RECORDS, RecordRef
from shared.contracts.records import RecordType
from shared.export.serving import Records, together
from shared.gate.ask import Opened


@dataclass(frozen=True, slots=True)
class CourseSource:
    """`Source`. Called `name` in the archive."""

    courses: Courses
    record_type: RecordType
    view: View
    name: str

    async def refs(self, tenant: str, client_id: UUID) -> list[RecordRef]:
        return [row.ref for row in await self._rows(tenant, client_id)]

    async def records(self, tenant: str, client_id: UUID, refs: Sequence[RecordRef], opened: Opened) -> Records:
        wanted = {ref.record_id for ref in refs}
        rows = [row for row in await self._rows(tenant, client_id) if str(row.id) in wanted]
        views: Mapping[RecordType, View] = {self.record_type: self.view}
        for some in together(rows):
            for item in await views_of(self.courses, tenant, some, opened, views):
                yield self.name, item

    async def _rows(self, tenant: str, client_id: UUID) -> list[CourseRow]:
        """The oldest first."""
        rows: list[CourseRow] = []
        wanted = Wanted((self.record_type,), client_id)
        while page := await self.courses.index.rows(tenant, wanted, _after(rows), MAX_RECORDS):
            rows += page
        return rows[::-1]


def _after(rows: Sequence[CourseRow]) -> Position | None:
    return Position(rows[-1].created_at, rows[-1].id) if rows else None
