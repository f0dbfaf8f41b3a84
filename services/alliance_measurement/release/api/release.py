"""`/v1/clients/{id}/alliance/release`"""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.alliance_measurement.desk.api.surface import Surface, audit, respond
from services.alliance_measurement.release.api.models import ReleaseBody
from services.alliance_measurement.release.application.ports import ReleaseDesk
from services.alliance_measurement.release.application.release import choose_release, read_release
from shared.http.body import documented, read_json
from shared.http.call import path_id
from shared.http.problems import Fault, invalid


def release_routes(surface: Surface, desk: ReleaseDesk) -> APIRouter:
    router = APIRouter(tags=["clients"])

    @router.put("/v1/clients/{client_id}/alliance/release", openapi_extra=documented(ReleaseBody))
    async def choose(request: Request, client_id: str) -> Response:
        """The client's choice, in force once this answers. Who is not named keeps the choice made before."""
        call, client = surface.call(request), path_id(client_id)
        body, _ = await read_json(request, ReleaseBody)
        if body.therapist is None and body.supervisor is None:
            raise invalid([Fault("/therapist", "immediate, delayed or withheld")])
        chosen, entries = await choose_release(desk, call, client, therapist=body.therapist, supervisor=body.supervisor)
        return respond({**_choice(chosen.therapist, chosen.supervisor), "enforced": True}, headers=audit(entries))

    @router.get("/v1/clients/{client_id}/alliance/release")
    async def chosen(request: Request, client_id: str) -> Response:
        """The client's own choice, or what holds until they choose."""
        call, client = surface.call(request), path_id(client_id)
        choice, entries = await read_release(desk, call, client)
        return respond(_choice(choice.therapist, choice.supervisor), headers=audit(entries))

    return router


def _choice(therapist: str, supervisor: str) -> dict[str, Any]:
    return {"therapist": str(therapist), "supervisor": str(supervisor)}
