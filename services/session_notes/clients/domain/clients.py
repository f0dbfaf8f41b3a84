"""The client as the record knows them: sealed identity under a random id."""

from datetime import date, datetime
from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.session_notes.desk.domain.refusals import Flaw, refuse_any
from shared.contracts.records import KeyClass
from shared.sealing.event import Event, EventTypes
from shared.sealing.field import Sealed
from shared.values.time import ANYWHERE, NOT_YET, OUT_OF_RANGE, Place, in_range


class Identifier(BaseModel):
    """A number by which another system knows the client, such as a health-insurance number."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    system: str
    value: str


class ClientIdentity(BaseModel):
    """Who the client is. All of it is sealed under class identity."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    name: str
    birth_date: date | None
    """None where it is not known, as in a record brought in from a table of scores"""
    identifiers: tuple[Identifier, ...] = ()
    pronouns: str | None = None
    language: str | None = None
    """BCP 47 tag of the language that the client prefers"""
    phone: str | None = None
    email: str | None = None
    address: str | None = None


class ClientRegistered(Event):
    """A client was taken in."""

    TYPE: ClassVar[str] = "session-notes.client-registered"
    RECORD: ClassVar[str] = "client_id"
    identity: Annotated[Sealed[ClientIdentity], KeyClass.IDENTITY]
    at: datetime


def register(client_id: UUID, identity: ClientIdentity, *, now: datetime, place: Place = ANYWHERE) -> ClientRegistered:
    """Raises Unfit where the identity cannot be true."""
    flaws = []
    born = identity.birth_date
    if born is not None and not in_range(born):
        flaws.append(Flaw("/birth_date", OUT_OF_RANGE))
    elif born is not None and not place.has_come(born, now):
        flaws.append(Flaw("/birth_date", NOT_YET))
    seen: set[Identifier] = set()
    for number, identifier in enumerate(identity.identifiers):
        if identifier in seen:
            flaws.append(Flaw(f"/identifiers/{number}", "the same identifier stands here twice"))
        seen.add(identifier)
    refuse_any(flaws)
    return ClientRegistered(client_id=client_id, identity=Sealed(identity), at=now)


EVENT_TYPES: Final = EventTypes(ClientRegistered)
