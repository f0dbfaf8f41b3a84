"""One way to answer an administration, for the API and for the page on the phone."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request

from services.alliance_measurement.administrations.application.administrations import answer_administration, scores_again
from services.alliance_measurement.administrations.application.ports import AdministrationDesk
from services.alliance_measurement.desk.api.surface import Surface
from shared.gate.ask import Opened
from shared.gate.posting import posted
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat


async def answered(
    surface: Surface,
    desk: AdministrationDesk,
    call: Call,
    request: Request,
    raw: bytes,
    administration_id: UUID,
    answers: Mapping[str, Any],
    on_assessment_due: Callable[[str], None],
) -> tuple[dict[str, Any], dict[str, str], int]:
    """Body with scores, headers, status. A repeat under the same Idempotency-Key opens the scores again."""
    result: dict[str, Any] = {}

    async def work(repeat: Repeat) -> tuple[Answer, Opened]:
        answer, opened, scored = await answer_administration(desk, call, administration_id, answers, repeat)
        result.update(scored)
        on_assessment_due(call.tenant)
        return answer, opened

    answer, headers, repeated = await posted(surface.idempotency, call, request, raw, work)
    if repeated:
        opened, scored = await scores_again(desk, call, administration_id)
        result.update(scored)
        headers.update(opened.headers)
    return {**answer.body, **result}, headers, answer.status
