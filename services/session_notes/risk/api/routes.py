"""`/v1/clients/{id}/safety-plan`, `/closed-topics`: what keeps a client safe, and what they want left alone."""

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.course.api.answers import answer, page_of
from services.session_notes.course.application.ports import CourseRow, View, Wanted
from services.session_notes.course.application.records import Courses, Place, change_record, open_record, read_record, row_of
from services.session_notes.desk.api.surface import Surface, respond
from services.session_notes.risk.domain.records import (
    SafetyPlanWritten,
    SafetySteps,
    TopicClosed,
    change_plan,
    open_topic,
    plan_view,
    topic_view,
)
from shared.contracts.course import CourseEvent, CourseOpened
from shared.contracts.disclosure import Action, RecordKey
from shared.contracts.records import RecordType
from shared.entry.text import Lines
from shared.gate.ask import Opened, missed
from shared.http.body import Body, documented, read_json, read_optional
from shared.http.call import Call, etag, path_id
from shared.http.conditional import if_match, required_version
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import forbidden
from shared.http.query import PAGING
from shared.identity.roles import Role
from shared.sealing.field import Sealed

_PLAN, _TOPIC = RecordType.SAFETY_PLAN, RecordType.CLOSED_TOPIC
VIEWS: Final[dict[RecordType, View]] = {_PLAN: plan_view, _TOPIC: topic_view}
Words = Annotated[str, Lines(1_000)]
Steps = Annotated[tuple[Words, ...], Field(max_length=20)]


class SafetyPlanBody(Body):
    """Six steps, in the client's own words; each may be empty but the first."""

    warning_signs: Annotated[tuple[Words, ...], Field(min_length=1, max_length=20)]
    own_coping: Steps = ()
    people_and_places: Steps = ()
    people_to_ask: Steps = ()
    professionals: Steps = ()
    safer_surroundings: Steps = ()


class TopicBody(Body):
    topic: Words


class YesBody(Body):
    words: Words | None = None


def risk_routes(surface: Surface, courses: Courses) -> APIRouter:
    router = APIRouter(tags=["safety"])
    parts = courses.desk.parts

    async def plan_row(call: Call, client: UUID) -> CourseRow | None:
        rows = await courses.index.rows(call.tenant, Wanted((_PLAN,), client), None, 1)
        return rows[0] if rows else None

    @router.put("/v1/clients/{client_id}/safety-plan", openapi_extra=documented(SafetyPlanBody))
    async def write(request: Request, client_id: str) -> Response:
        """The client's safety plan as it is now, by either side; with If-Match where there is one. 201 for the first."""
        call, client = surface.call(request), path_id(client_id)
        body, raw = await read_json(request, SafetyPlanBody)
        steps = SafetySteps(**body.model_dump())
        row = await plan_row(call, client)
        if row is None:

            def make(record_id: UUID) -> CourseOpened:
                by, at = call.principal.sub, parts.now()
                return SafetyPlanWritten(item_id=record_id, client_id=client, by=by, at=at, steps=Sealed(steps))

            async def first(repeat: Repeat) -> tuple[Answer, Opened]:
                return await open_record(courses, call, _PLAN, Place(client), make, repeat=repeat)

            return await surface.post(call, request, raw, first)

        def decide(events: Sequence[CourseEvent], _: RecordKey) -> CourseEvent:
            return change_plan(events, steps, by=call.principal.sub, at=parts.now())

        expected = required_version(request)
        changed, opened = await change_record(courses, call, row, decide, expected=expected, status=200)
        return respond(changed.body, headers={**opened.headers, "ETag": etag(changed.body["version"])})

    @router.get("/v1/clients/{client_id}/safety-plan")
    async def read(request: Request, client_id: str) -> Response:
        """The client's safety plan. 404 where there is none."""
        call = surface.call(request)
        row = await plan_row(call, path_id(client_id))
        if row is None:
            raise await missed(courses.desk.gate, call)
        body, opened = await read_record(courses, call, row, plan_view)
        return answer(body, opened.headers)

    @router.post("/v1/clients/{client_id}/closed-topics", status_code=201, openapi_extra=documented(TopicBody))
    async def close(request: Request, client_id: str) -> Response:
        """Close a topic: nobody asks about it until the client says otherwise. Client and therapist both may."""
        call, client = surface.call(request), path_id(client_id)
        body, raw = await read_json(request, TopicBody)

        def make(record_id: UUID) -> CourseOpened:
            by, at = call.principal.sub, parts.now()
            return TopicClosed(item_id=record_id, client_id=client, by=by, at=at, topic=Sealed(body.topic))

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            return await open_record(courses, call, _TOPIC, Place(client), make, repeat=repeat)

        return await surface.post(call, request, raw, work)

    @router.get("/v1/clients/{client_id}/closed-topics", openapi_extra={"parameters": PAGING})
    async def topics(request: Request, client_id: str) -> Response:
        """What the client has closed, newest first. Who treats them reads it with or without a consent: ask here first."""
        call, client = surface.call(request), path_id(client_id)
        return await page_of(surface, courses, request, call, client, Wanted((_TOPIC,), client), VIEWS)

    @router.post("/v1/closed-topics/{topic_id}/opening", status_code=201, openapi_extra=documented(YesBody))
    async def opening(request: Request, topic_id: str) -> Response:
        """The client's yes: by their own token alone."""
        call = surface.call(request)
        body, raw = await read_optional(request, YesBody)
        if call.principal.role is not Role.CLIENT:
            raise forbidden("Only the client opens a topic that was closed.")

        def decide(events: Sequence[CourseEvent], _: RecordKey) -> CourseEvent:
            return open_topic(events, body.words, by=call.principal.sub, at=parts.now())

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            row = await row_of(courses, call, path_id(topic_id), (_TOPIC,), Action.UPDATE)
            return await change_record(courses, call, row, decide, expected=if_match(request), repeat=repeat)

        return await surface.post(call, request, raw, work)

    return router
