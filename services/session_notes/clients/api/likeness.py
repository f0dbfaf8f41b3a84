"""The body of a comparison, and its result as the gate takes it: flags and ids, signed."""

from base64 import b64encode
from typing import Annotated

from services.session_notes.clients.application.clients import ClientRead
from services.session_notes.clients.domain.likeness import Alike, compare
from services.session_notes.desk.application.ports import Desk
from shared.contracts.likeness import LIKENESS, Likeness, digest_of, key_of
from shared.contracts.topics import SESSION_NOTES
from shared.entry.text import Exact, Line
from shared.http.body import Body


class LikenessBody(Body):
    sub: Annotated[str, Exact(200)]
    """of the member of staff"""
    name: Annotated[str, Line(200)]
    address: Annotated[str, Line(400, shortest=0)] | None = None
    """theirs, where the officer knows it; it is compared and forgotten"""


def signed_likeness(desk: Desk, tenant: str, read: ClientRead, body: LikenessBody) -> tuple[str, str]:
    """Base64 of the statement, and its signature. Of an erased client nothing is alike."""
    alike = Alike(False, False, False) if read.identity is None else compare(read.identity, body.name, body.address)
    statement = Likeness(
        tenant=tenant,
        client_id=read.client_id,
        sub=body.sub,
        compared=digest_of(body.name),
        same_person=alike.same_person,
        same_surname=alike.same_surname,
        same_address=alike.same_address,
        at=desk.parts.now(),
    )
    payload = statement.model_dump_json().encode()
    headers = desk.parts.signer.sign(
        SESSION_NOTES, key_of(tenant, read.client_id), {"ce_type": LIKENESS, "ce_tenant": tenant}, payload
    )
    return b64encode(payload).decode(), headers["sig"]
