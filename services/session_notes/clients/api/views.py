"""A client as the JSON that callers see, with the notices that go with it. An erased one has the same shape, emptied."""

from typing import Any

from services.session_notes.clients.application.clients import ClientRead
from services.session_notes.desk.api.surface import ERASED
from shared.gate.ask import Opened


def client_view(read: ClientRead, opened: Opened) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "name": "",
        "birth_date": None,
        "identifiers": [],
        "pronouns": None,
        "language": None,
        "phone": None,
        "email": None,
        "address": None,
    }
    identity = empty if read.identity is None else read.identity.model_dump(mode="json")
    return {
        "id": str(read.client_id),
        "status": ERASED if read.identity is None else "active",
        "erased": read.identity is None,
        **identity,
        "notices": opened.notices(read.client_id),
        "version": read.version,
        "created_at": read.created_at,
    }
