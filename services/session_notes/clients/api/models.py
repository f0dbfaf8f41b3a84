"""Bodies of requests: shape only; what must be true of them stands in the domain."""

from typing import Annotated

from pydantic import Field, StringConstraints

from services.session_notes.clients.domain.clients import ClientIdentity, Identifier
from services.session_notes.clients.domain.lookup import Wanted
from shared.entry.text import Exact, Line
from shared.http.body import Body
from shared.http.problems import Fault, invalid
from shared.values.time import Day

Words = Annotated[str, Line(200)]
Address = Annotated[str, Line(500)]
Id = Annotated[str, Exact(200)]
"""an identifier, or the `sub` of a person: kept as it is sent, or refused"""


class IdentifierBody(Body):
    system: Id
    value: Id


class ClientBody(Body):
    """A client at intake."""

    name: Words
    birth_date: Day | None
    """null where it is not known; it must be said"""
    identifiers: Annotated[tuple[IdentifierBody, ...], Field(max_length=20)] = ()
    pronouns: Words | None = None
    language: Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")] | None = None
    phone: Words | None = None
    email: Words | None = None
    address: Address | None = None

    def identity(self) -> ClientIdentity:
        return ClientIdentity(
            name=self.name,
            birth_date=self.birth_date,
            identifiers=tuple(Identifier(system=i.system, value=i.value) for i in self.identifiers),
            pronouns=self.pronouns,
            language=self.language,
            phone=self.phone,
            email=self.email,
            address=self.address,
        )


class IdentifierSearchBody(Body):
    value: Id
    system: Id | None = None
    """absent: of any system"""


class ClientSearchBody(Body):
    """Whom to look for: an identifier, a name, or both; whatever is given must agree. Words stand in the body, never in a URL."""

    name: Words | None = None
    birth_date: Day | None = None
    """with a name or an identifier: too many share one for it to stand alone"""
    identifier: IdentifierSearchBody | None = None

    def wanted(self) -> Wanted:
        """422 without a name and without an identifier."""
        if self.name is None and self.identifier is None:
            raise invalid([Fault("/name", "a name or an identifier: a date of birth alone is shared by too many")])
        number = self.identifier
        return Wanted(self.name, self.birth_date, number.value if number else None, number.system if number else None)
