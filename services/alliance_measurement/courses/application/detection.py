"""After every answered alliance rating: one prompt for the next session, with strain or without.

What is due stands in a table that the answer's own transaction wrote, and leaves it in the prompt's own: a crash between the
two is caught up at the next start. Nothing here depends on whom the client lets see it; the gate keeps the prompt's key.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from services.alliance_measurement.administrations.application.ports import AnsweredRow, Due
from services.alliance_measurement.courses.application.ports import CourseDesk, prompt_stream
from services.alliance_measurement.courses.domain.prompt import prompt_body
from services.alliance_measurement.courses.domain.strain import Course, assess
from services.alliance_measurement.desk.application.jobs import STRAIN_DETECTION, ask_as_job, job_meta
from shared.contracts.alliance import PromptPrepared
from shared.contracts.disclosure import Action, RecordRef
from shared.contracts.records import ALLIANCE_RATING, RecordType
from shared.contracts.topics import ALLIANCE
from shared.eventstore.model import Publication, StreamAppend, VersionConflict
from shared.sealing.field import Sealed
from shared.service.record import client_key, record_event

PAGE: Final = 100
WINDOW: Final = 60
"""newest ratings that a prompt is computed from: a bound on what one answer makes the job read (docs/adr/0060)"""


class StrainDetection:
    def __init__(self, desk: CourseDesk) -> None:
        self._desk = desk

    async def prepare(self, tenant: str, due: Due) -> None:
        """Makes the prompt of one answered rating and takes it off what is due. Raises where it should be tried again."""
        request_id = f"strain-{due.administration_id}"
        course = await self._course(tenant, due, request_id)
        await self._publish(tenant, due, course, request_id)

    async def _course(self, tenant: str, due: Due, request_id: str) -> Course | None:
        """None where no rule applies, or what it would be computed from was erased."""
        desk = self._desk
        rules = desk.strain.get(due.instrument)
        rows = await desk.index.answered(tenant, due.client_id, due.instrument, due.ord)
        recent = rows[-WINDOW:]
        totals = await self._totals(tenant, recent, request_id)
        return assess(totals, rules).renumbered(len(rows) - len(recent)) if rules is not None else None

    async def _totals(self, tenant: str, rows: Sequence[AnsweredRow], request_id: str) -> list[float | None]:
        desk = self._desk
        opened = await ask_as_job(
            desk.gate, STRAIN_DETECTION, Action.COMPUTE, [r.ref for r in rows], tenant=tenant, request_id=request_id
        )
        readable = [r.id for r in rows if opened.permitted(r.id) and not opened.erased(r.id)]
        events = await desk.index.answers(tenant, readable)
        return [events[i].result.open(opened.key(i)).total for i in readable]

    async def _publish(self, tenant: str, due: Due, course: Course | None, request_id: str) -> None:
        desk = self._desk
        done = desk.index.assessed_row(tenant, due.administration_id)
        prompt_id = desk.parts.new_id()
        opened = await ask_as_job(
            desk.gate,
            STRAIN_DETECTION,
            Action.CREATE,
            [_record(prompt_id, due.client_id)],
            tenant=tenant,
            request_id=request_id,
        )
        if not opened.permitted(prompt_id):  # an erasure has begun: there is nothing left to prompt about
            await desk.store.append(tenant, (), statements=(done,))
            return
        event = PromptPrepared(
            client_id=due.client_id,
            prompt_id=prompt_id,
            body=Sealed(prompt_body(due.instrument, course)),
            at=desk.parts.now(),
        )
        new = record_event(
            event,
            parts=desk.parts,
            call_meta=job_meta(STRAIN_DETECTION, tenant, opened, request_id),
            key=opened.key(prompt_id),
            publish=[Publication(ALLIANCE, client_key(tenant, due.client_id))],
        )
        try:
            await desk.store.append(tenant, [StreamAppend(prompt_stream(due.administration_id), 0, [new])], statements=(done,))
        except VersionConflict:  # another replica was first
            await desk.store.append(tenant, (), statements=(done,))


def _record(prompt_id: UUID, client_id: UUID) -> RecordRef:
    return RecordRef(
        record_id=str(prompt_id),
        client_id=str(client_id),
        record_type=RecordType.REPAIR_PROMPT,
        labels=(ALLIANCE_RATING,),
    )
