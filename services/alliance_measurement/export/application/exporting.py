"""What this service keeps of a client, for an export: measures, what was computed from them, and who may see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from services.alliance_measurement.administrations.application.administrations import administration_views
from services.alliance_measurement.administrations.application.ports import (
    AdministrationDesk,
    AdministrationIndex,
    AdministrationRow,
)
from services.alliance_measurement.courses.application.course import course_of
from services.alliance_measurement.courses.application.ports import CourseDesk
from services.alliance_measurement.instruments.domain.instrument import Construct
from services.alliance_measurement.outcomes.application.outcomes import outcome_views
from services.alliance_measurement.outcomes.application.ports import OutcomeDesk, OutcomeRow
from services.alliance_measurement.release.application.ports import ReleaseDesk, release_stream
from services.alliance_measurement.release.domain.release import EVENT_TYPES, ReleaseChosen
from services.alliance_measurement.risk.application.alerts import alert_bodies, alert_view
from services.alliance_measurement.risk.application.ports import RiskDesk
from shared.contracts.disclosure import MAX_RECORDS, RecordRef
from shared.contracts.records import RecordType
from shared.export.serving import Records, Source, together
from shared.gate.ask import Opened
from shared.http.showing import NOT_SHOWN, loaded, shown

NOTHING: Final = "none"
"""kind of a prompt that says nothing: there is one after every rating"""


async def all_administrations(index: AdministrationIndex, tenant: str, client_id: UUID) -> list[AdministrationRow]:
    """All of the client's, the oldest first."""
    rows: list[AdministrationRow] = []
    while page := await index.administrations_of(tenant, client_id, rows[-1].ord if rows else None, MAX_RECORDS):
        rows += page
    return rows[::-1]


@dataclass(frozen=True, slots=True)
class AdministrationsSource:
    desk: AdministrationDesk
    record_type: RecordType = RecordType.ADMINISTRATION

    async def refs(self, tenant: str, client_id: UUID) -> list[RecordRef]:
        return [row.ref for row in await all_administrations(self.desk.index, tenant, client_id)]

    async def records(self, tenant: str, client_id: UUID, refs: Sequence[RecordRef], opened: Opened) -> Records:
        wanted = {ref.record_id for ref in refs}
        rows = [row for row in await all_administrations(self.desk.index, tenant, client_id) if str(row.id) in wanted]
        for some in together(rows):
            view = await administration_views(self.desk, tenant, some, opened)
            for row in some:
                instrument = self.desk.catalogue.enabled(row.instrument)
                name = instrument.name if instrument is not None else None
                yield "administration", {**shown(row.id, partial(view, row)), "instrument_name": name}


@dataclass(frozen=True, slots=True)
class CoursesSource:
    """What was computed from ratings of the alliance: their course, strain and repair. No record of its own."""

    desk: CourseDesk
    record_type: RecordType = RecordType.ADMINISTRATION

    async def refs(self, tenant: str, client_id: UUID) -> list[RecordRef]:
        return []

    async def records(self, tenant: str, client_id: UUID, refs: Sequence[RecordRef], opened: Opened) -> Records:
        for entry in self.desk.catalogue:
            instrument = self.desk.catalogue.enabled(entry.id)
            if instrument is None or instrument.measures is not Construct.ALLIANCE:
                continue
            answered = await self.desk.index.answered(tenant, client_id, instrument.id)
            rows = [row for row in answered if str(row.id) in opened.outcomes]
            if any(opened.permitted(row.id) for row in rows):
                # a course with a rating left out would be another course, so one that cannot be shown keeps it back
                course = await loaded(instrument.id, course_of(self.desk, tenant, instrument, rows, opened))
                about = {"instrument": instrument.id, "instrument_name": instrument.name}
                yield "course_of_the_alliance", {**about, **({"not_shown": NOT_SHOWN} if course is None else course)}


@dataclass(frozen=True, slots=True)
class OutcomesSource:
    desk: OutcomeDesk
    record_type: RecordType = RecordType.OUTCOME

    async def refs(self, tenant: str, client_id: UUID) -> list[RecordRef]:
        rows: list[OutcomeRow] = []
        while page := await self.desk.index.outcomes_of(tenant, client_id, rows[-1].ord if rows else None, MAX_RECORDS):
            rows += page
        return [row.ref for row in rows]

    async def records(self, tenant: str, client_id: UUID, refs: Sequence[RecordRef], opened: Opened) -> Records:
        for some in together(refs):
            view = await outcome_views(self.desk, tenant, some, opened)
            for ref in some:
                yield "outcome", shown(ref.record_id, partial(view, UUID(ref.record_id)))


@dataclass(frozen=True, slots=True)
class PromptsSource:
    """Prompts for the next session that said something."""

    desk: CourseDesk
    record_type: RecordType = RecordType.REPAIR_PROMPT

    async def refs(self, tenant: str, client_id: UUID) -> list[RecordRef]:
        found: list[RecordRef] = []
        for some in together(await all_administrations(self.desk.index, tenant, client_id)):
            prompts = await self.desk.prompts.after(tenant, [row.id for row in some])
            ids = [str(prompt.prompt_id) for prompt in prompts]
            found += [RecordRef(record_id=i, client_id=str(client_id), record_type=self.record_type) for i in ids]
        return found

    async def records(self, tenant: str, client_id: UUID, refs: Sequence[RecordRef], opened: Opened) -> Records:
        for some in together(await all_administrations(self.desk.index, tenant, client_id)):
            for prompt in await self.desk.prompts.after(tenant, [row.id for row in some]):
                about = {"id": str(prompt.prompt_id), "at": prompt.at}
                if opened.erased(prompt.prompt_id):
                    yield "repair_prompt", {**about, "text": "", "status": "erased", "erased": True}
                elif opened.permitted(prompt.prompt_id):
                    body = prompt.body.open(opened.key(prompt.prompt_id))
                    if body["kind"] != NOTHING:
                        yield "repair_prompt", {**about, **body}


@dataclass(frozen=True, slots=True)
class RiskAlertsSource:
    """Who was told of answers to critical items, and when."""

    desk: RiskDesk
    record_type: RecordType = RecordType.RISK_ALERT

    async def refs(self, tenant: str, client_id: UUID) -> list[RecordRef]:
        return [row.ref for row in await self.desk.risks.of_client(tenant, client_id)]

    async def records(self, tenant: str, client_id: UUID, refs: Sequence[RecordRef], opened: Opened) -> Records:
        rows = [row for row in await self.desk.risks.of_client(tenant, client_id) if opened.permitted(row.id)]
        for some in together(rows):
            events = await alert_bodies(self.desk, tenant, [row for row in some if not opened.erased(row.id)])
            for row in some:
                yield "risk_alert", {**shown(row.id, partial(alert_view, row, events, opened)), "told": row.addressee}


@dataclass(frozen=True, slots=True)
class ReleaseSource:
    """Who may see the ratings, as the client chose over time. The choice is kept in the clear and has no key."""

    desk: ReleaseDesk
    record_type: RecordType = RecordType.RELEASE_CHOICE

    async def refs(self, tenant: str, client_id: UUID) -> list[RecordRef]:
        return []

    async def records(self, tenant: str, client_id: UUID, refs: Sequence[RecordRef], opened: Opened) -> Records:
        for stored in await self.desk.store.read_stream(tenant, release_stream(client_id)):
            event = EVENT_TYPES.load(
                tenant=stored.tenant,
                event_type=stored.type,
                schema_version=stored.schema_version,
                event_id=stored.event_id,
                data=stored.data,
            )
            assert isinstance(event, ReleaseChosen)
            yield "release_choice", {"therapist": event.therapist, "supervisor": event.supervisor, "at": event.at}


def sources(
    administrations: AdministrationDesk, courses: CourseDesk, outcomes: OutcomeDesk, risk: RiskDesk, release: ReleaseDesk
) -> tuple[Source, ...]:
    """In the order in which they stand in the export."""
    return (
        AdministrationsSource(administrations),
        CoursesSource(courses),
        OutcomesSource(outcomes),
        PromptsSource(courses),
        RiskAlertsSource(risk),
        ReleaseSource(release),
    )
