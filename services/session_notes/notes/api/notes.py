"""`/v1/notes`"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.desk.api.surface import Surface, bound_to, respond
from services.session_notes.notes.api.models import AddendumBody, NoteChangeBody, SearchBody, SignatureBody
from services.session_notes.notes.api.views import found_view, note_view
from services.session_notes.notes.application.notes import Change, add_addendum, cosign_note, revise_note, sign_note
from services.session_notes.notes.application.reading import NoteRead, list_notes, read_note
from services.session_notes.notes.application.searching import search_own
from services.session_notes.notes.application.versions import AT, moment, read_note_at
from services.session_notes.notes.domain.words import words_of
from shared.gate.ask import Opened
from shared.http.body import documented, read_json, read_optional
from shared.http.call import etag, path_id
from shared.http.conditional import if_match, required_version
from shared.http.problems import Fault, invalid
from shared.http.query import CLIENT_LIST, PAGING, client_of, parameter
from shared.http.showing import shown

_AT: Final[dict[str, Any]] = {"name": "at", "in": "query", "description": AT, "schema": {"type": "string"}}


def note_routes(surface: Surface) -> APIRouter:
    router = APIRouter(tags=["notes"])
    desk = surface.desk

    @router.get("/v1/notes/{note_id}", openapi_extra={"parameters": [_AT]})
    async def read(request: Request, note_id: str) -> Response:
        """A note with its signatures and addenda, as it is or, with `?at=`, as it stood then. An erased one keeps its shape,
        emptied. The ETag is that of the version shown."""
        call = surface.call(request)
        at = parameter(request, "at", moment, None)
        if at is None:
            found, opened = await read_note(desk, call, path_id(note_id))
        else:
            found, opened = await read_note_at(desk, call, path_id(note_id), at)
        return respond(note_view(found, opened), headers={**opened.headers, "ETag": etag(found.note.version)})

    @router.get("/v1/notes", openapi_extra={"parameters": CLIENT_LIST})
    async def search(request: Request) -> Response:
        """Those of a client's notes that you may read, newest first. To the client, `held` says until when others are held back
        from them, where any are (45 CFR 171)."""
        call = surface.call(request)
        client_id = client_of(request)
        bound = bound_to(call, "notes", client_id)
        start, limit = surface.start(request, bound)
        found, page = await list_notes(desk, call, client_id, start=start, limit=limit)
        held = [{"until": until} for until in page.opened.held(row.id for row in page.looked_at)]
        items = [shown(i, partial(_item, read, page.opened)) for i, read in found]
        return surface.page(items, page, bound, {"held": held} if held else {})

    @router.post("/v1/notes/search", openapi_extra=documented(SearchBody) | {"parameters": PAGING})
    async def find(request: Request) -> Response:
        """Your own notes that hold every word: where, not what. Up to 2,000 notes are opened, in memory; older ones by `next`.

        `?cursor=` takes `next`. Each client whose notes are opened gets one entry in the ledger.
        """
        call = surface.call(request)
        body, _ = await read_json(request, SearchBody)
        words = words_of(body.words)
        if not words:
            raise invalid([Fault("/words", "at least one letter or digit")])
        bound = bound_to(call, f"search/{'/'.join(words)}", body.client_id)
        start, _ = surface.start(request, bound)
        searched = await search_own(desk, call, body.client_id, words, start=start)
        return surface.found([found_view(f) for f in searched.found], searched.count, searched.next, bound, searched.entries)

    @router.put("/v1/notes/{note_id}", openapi_extra=documented(NoteChangeBody))
    async def revise(request: Request, note_id: str) -> Response:
        """The whole new text of a draft, by its author, with If-Match."""
        call = surface.call(request)
        expected = required_version(request)
        body, _ = await read_json(request, NoteChangeBody, surface.settings.max_note_bytes)
        change = Change(body.sections, body.format, body.labels, body.type)
        answer, opened = await revise_note(desk, call, path_id(note_id), change, expected=expected)
        return respond(answer.body, headers={**opened.headers, "ETag": etag(answer.body["version"])})

    @router.post("/v1/notes/{note_id}/signatures", status_code=201, openapi_extra=documented(SignatureBody))
    async def sign(request: Request, note_id: str) -> Response:
        """The author signs: from here the text stays as it is."""
        call = surface.call(request)
        _, raw = await read_optional(request, SignatureBody)
        work = partial(sign_note, desk, call, path_id(note_id), expected=if_match(request))
        return await surface.post(call, request, raw, work)

    @router.post("/v1/notes/{note_id}/cosignatures", status_code=201, openapi_extra=documented(SignatureBody))
    async def cosign(request: Request, note_id: str) -> Response:
        """A supervisor co-signs a progress note that its author has signed."""
        call = surface.call(request)
        _, raw = await read_optional(request, SignatureBody)
        work = partial(cosign_note, desk, call, path_id(note_id), expected=if_match(request))
        return await surface.post(call, request, raw, work)

    @router.post("/v1/notes/{note_id}/addenda", status_code=201, openapi_extra=documented(AddendumBody))
    async def amend(request: Request, note_id: str) -> Response:
        """The author adds to a signed note; what was signed is never overwritten."""
        call = surface.call(request)
        body, raw = await read_json(request, AddendumBody)
        work = partial(add_addendum, desk, call, path_id(note_id), body.text, expected=if_match(request))
        return await surface.post(call, request, raw, work)

    return router


def _item(read: Callable[[], NoteRead], opened: Opened) -> dict[str, Any]:
    return note_view(read(), opened)
