"""`/v1/plans`, `/v1/goals`, `/v1/tasks`: a plan that both sides agree on."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.course.api.answers import one_of, page_of
from services.session_notes.course.application.ports import View, Wanted
from services.session_notes.course.application.records import Courses, Place, change_record, open_record, row_of
from services.session_notes.course.domain.events import of_type
from services.session_notes.desk.api.surface import Surface, respond
from services.session_notes.plans.api.bodies import (
    AgreementBody,
    AttainmentBody,
    CompletionBody,
    GoalBody,
    InterventionBody,
    LinkBody,
    PlanBody,
    PlanSignatureBody,
    ReviewBody,
    TaskBody,
)
from services.session_notes.plans.application.threads import thread_of
from services.session_notes.plans.domain import decisions as domain
from services.session_notes.plans.domain.decisions import By
from services.session_notes.plans.domain.events import GoalProposed, PlanContent, PlanOpened, PlanSignature, TaskSet
from services.session_notes.plans.domain.view import plan_view
from shared.contracts.course import CourseEvent, CourseOpened, Party
from shared.contracts.disclosure import Action, RecordKey
from shared.contracts.records import RecordType
from shared.gate.ask import NO_SUCH_RECORD, Opened, missed
from shared.http.body import documented, read_json, read_optional
from shared.http.call import Call, path_id
from shared.http.conditional import if_match
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Fault, forbidden, invalid, not_found
from shared.http.query import PAGING
from shared.identity.roles import Role
from shared.sealing.field import Sealed

_OF: Final = RecordType.TREATMENT_PLAN
VIEWS: Final[dict[RecordType, View]] = {_OF: plan_view}
Decided = Callable[[Sequence[CourseEvent], RecordKey, By], CourseEvent]


def plan_routes(surface: Surface, courses: Courses) -> APIRouter:
    router = APIRouter(tags=["plans"])
    settings = surface.settings

    @router.post("/v1/clients/{client_id}/plans", status_code=201, openapi_extra=documented(PlanBody))
    async def begin(request: Request, client_id: str) -> Response:
        """Begin a plan. When it is to be reviewed follows the practice's rule, which the plan names."""
        call = _treating(request, surface)
        body, raw = await read_json(request, PlanBody)
        client, now = path_id(client_id), courses.desk.parts.now()
        content = PlanContent(
            **body.model_dump(), review_days=settings.plan_review_days, review_citation=settings.plan_review_citation
        )
        due = now + timedelta(days=settings.plan_review_days)

        def make(record_id: UUID) -> CourseOpened:
            sub = call.principal.sub
            return PlanOpened(item_id=record_id, client_id=client, by=sub, at=now, due_at=due, content=Sealed(content))

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            return await open_record(courses, call, _OF, Place(client), make, repeat=repeat)

        return await surface.post(call, request, raw, work)

    @router.get("/v1/clients/{client_id}/plans", openapi_extra={"parameters": PAGING})
    async def plans(request: Request, client_id: str) -> Response:
        """A client's plans, newest first."""
        call = surface.call(request)
        client = path_id(client_id)
        return await page_of(surface, courses, request, call, client, Wanted((_OF,), client), VIEWS)

    @router.get("/v1/plans/{plan_id}")
    async def read(request: Request, plan_id: str) -> Response:
        """The plan: goals with who agrees, levels over time and T, tasks, signatures, reviews."""
        return await one_of(courses, surface.call(request), path_id(plan_id), VIEWS)

    @router.get("/v1/clients/{client_id}/thread")
    async def golden(request: Request, client_id: str) -> Response:
        """Problem → goal → objective → intervention → note, and what hangs on nothing, on both sides."""
        call = surface.call(request)
        found, opened = await thread_of(courses, call, path_id(client_id))
        return respond(found, headers=opened.headers)

    @router.post("/v1/plans/{plan_id}/goals", status_code=201, openapi_extra=documented(GoalBody))
    async def propose(request: Request, plan_id: str) -> Response:
        """Propose a goal, or an objective of one: client and therapist both may."""
        call = surface.call(request)
        body, raw = await read_json(request, GoalBody)
        part, goal = courses.desk.parts.new_id(), body.goal(_party(call))

        def decide(events: Sequence[CourseEvent], key: RecordKey, by: By) -> CourseEvent:
            return domain.propose_goal(events, key, part, goal, body.objective_of, by)

        return await change(request, call, raw, decide, plan=plan_id)

    @router.post("/v1/goals/{goal_id}/agreements", status_code=201, openapi_extra=documented(AgreementBody))
    async def agree(request: Request, goal_id: str) -> Response:
        """Say whether you agree, in your own words. Each side answers for itself; the newest answer counts."""
        call = surface.call(request)
        body, raw = await read_json(request, AgreementBody)
        if body.party is not _party(call):
            raise invalid([Fault("/party", f"your own side, {_party(call)}: each side answers for itself")])

        def decide(events: Sequence[CourseEvent], _: RecordKey, by: By) -> CourseEvent:
            return domain.answer_goal(events, path_id(goal_id), body.answer(), by)

        return await change(request, call, raw, decide, part=goal_id, sent=True)

    @router.post("/v1/goals/{goal_id}/attainments", status_code=201, openapi_extra=documented(AttainmentBody))
    async def attained(request: Request, goal_id: str) -> Response:
        """How far a goal is reached in a session: -2 to 2, on levels that were described beforehand."""
        call = _treating(request, surface)
        body, raw = await read_json(request, AttainmentBody)

        def decide(events: Sequence[CourseEvent], key: RecordKey, by: By) -> CourseEvent:
            return domain.attain(events, key, path_id(goal_id), body.session_id, body.attainment(), by)

        return await change(request, call, raw, decide, part=goal_id, session=body.session_id)

    @router.post("/v1/goals/{goal_id}/interventions", status_code=201, openapi_extra=documented(InterventionBody))
    async def intervention(request: Request, goal_id: str) -> Response:
        """What is done for a goal, how often, for how long."""
        call = _treating(request, surface)
        body, raw = await read_json(request, InterventionBody)
        part = courses.desk.parts.new_id()

        def decide(events: Sequence[CourseEvent], _: RecordKey, by: By) -> CourseEvent:
            return domain.plan_intervention(events, part, path_id(goal_id), body.intervention(), by)

        return await change(request, call, raw, decide, part=goal_id)

    @router.post("/v1/goals/{goal_id}/notes", status_code=201, openapi_extra=documented(LinkBody))
    async def link(request: Request, goal_id: str) -> Response:
        """A progress note that works on this goal: the thread of `GET /v1/clients/{id}/thread`."""
        call = _treating(request, surface)
        body, raw = await read_json(request, LinkBody)

        def decide(events: Sequence[CourseEvent], _: RecordKey, by: By) -> CourseEvent:
            return domain.link_note(events, path_id(goal_id), body.note_id, body.intervention_id, by)

        return await change(request, call, raw, decide, part=goal_id, note=body.note_id)

    @router.post("/v1/goals/{goal_id}/tasks", status_code=201, openapi_extra=documented(TaskBody))
    async def task(request: Request, goal_id: str) -> Response:
        """Homework for a goal."""
        call = _treating(request, surface)
        body, raw = await read_json(request, TaskBody)
        part = courses.desk.parts.new_id()

        def decide(events: Sequence[CourseEvent], _: RecordKey, by: By) -> CourseEvent:
            return domain.set_task(events, part, path_id(goal_id), body.session_id, body.task(), by)

        return await change(request, call, raw, decide, part=goal_id, session=body.session_id)

    @router.post("/v1/tasks/{task_id}/completions", status_code=201, openapi_extra=documented(CompletionBody))
    async def completed(request: Request, task_id: str) -> Response:
        """How a task went, by either side."""
        call = surface.call(request)
        body, raw = await read_json(request, CompletionBody)

        def decide(events: Sequence[CourseEvent], _: RecordKey, by: By) -> CourseEvent:
            return domain.complete_task(events, path_id(task_id), body.session_id, body.completion(), by)

        return await change(request, call, raw, decide, part=task_id, of=TaskSet, session=body.session_id)

    @router.post("/v1/plans/{plan_id}/signatures", status_code=201, openapi_extra=documented(PlanSignatureBody))
    async def sign(request: Request, plan_id: str) -> Response:
        """Sign the plan as it stands. Or, by the therapist: the client declined, why, and that a copy was offered."""
        call = surface.call(request)
        body, raw = await read_optional(request, PlanSignatureBody)
        party = _party(call)
        if body.declined is not None and party is Party.CLIENT:
            raise invalid([Fault("/declined", "the therapist writes this down; who does not sign sends nothing")])
        signature = PlanSignature(party=Party.CLIENT if body.declined else party, declined=body.said())

        def decide(events: Sequence[CourseEvent], _: RecordKey, by: By) -> CourseEvent:
            return domain.sign(events, signature, by)

        return await change(request, call, raw, decide, plan=plan_id, action=Action.SIGN)

    @router.post("/v1/plans/{plan_id}/reviews", status_code=201, openapi_extra=documented(ReviewBody))
    async def reviewed(request: Request, plan_id: str) -> Response:
        """Look at the plan anew: the next review is due by the plan's rule, or the plan ends."""
        call = _treating(request, surface)
        body, raw = await read_json(request, ReviewBody)

        def decide(events: Sequence[CourseEvent], key: RecordKey, by: By) -> CourseEvent:
            return domain.review(events, key, body.review(), by)

        return await change(request, call, raw, decide, plan=plan_id)

    async def change(
        request: Request,
        call: Call,
        raw: bytes,
        decided: Decided,
        *,
        plan: str | None = None,
        part: str | None = None,
        of: type[GoalProposed] | type[TaskSet] = GoalProposed,
        session: UUID | None = None,
        note: UUID | None = None,
        action: Action = Action.UPDATE,
        sent: bool = False,
    ) -> Response:
        """`plan`: the plan's id; or `part`: of a goal or task of it. A session or note that is named is of the same client."""

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            plan_id = path_id(plan) if plan is not None else await courses.index.whole(call.tenant, path_id(part or ""))
            if plan_id is None:
                raise await missed(courses.desk.gate, call, action)
            row = await row_of(courses, call, plan_id, (_OF,), action)
            by = By(call.principal.sub, courses.desk.parts.now())
            named = await _named(courses, call, row.client_id, session, note)

            def decide(events: Sequence[CourseEvent], key: RecordKey) -> CourseEvent:
                if part is not None and path_id(part) not in {one.part_id for one in of_type(events, of)}:
                    raise not_found()
                if named is not None:
                    raise invalid([named])
                return decided(events, key, by)

            expected = if_match(request)
            return await change_record(courses, call, row, decide, action=action, expected=expected, repeat=repeat, sent=sent)

        return await surface.post(call, request, raw, work)

    return router


async def _named(courses: Courses, call: Call, client_id: UUID, session: UUID | None, note: UUID | None) -> Fault | None:
    """What is wrong with what a body names, told only to who may change the plan."""
    index = courses.desk.index
    for pointer, wanted, find in (("/session_id", session, index.session), ("/note_id", note, index.note)):
        found: Any = None if wanted is None else await find(call.tenant, wanted)
        closed = found is not None and getattr(found, "kind", None) == "psychotherapy"
        if wanted is not None and (found is None or closed or found.client_id != client_id):
            return Fault(pointer, NO_SUCH_RECORD)
    return None


def _treating(request: Request, surface: Surface) -> Call:
    """403 for a client: who treats them does this. What a client does to a plan has routes of its own."""
    call = surface.call(request)
    if call.principal.role is Role.CLIENT:
        raise forbidden("Who treats the client writes this down.")
    return call


def _party(call: Call) -> Party:
    return Party.CLIENT if call.principal.role is Role.CLIENT else Party.THERAPIST
