"""Bodies of requests."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from services.alliance_measurement.instruments.domain.instrument import Rater
from shared.entry.text import Exact
from shared.http.body import Body

InstrumentName = Annotated[str, Exact(40)]


class AdministrationBody(Body):
    client_id: UUID
    instrument: InstrumentName
    session_id: UUID | None = None
    rater: Rater


class ResponsesBody(Body):
    answers: dict[str, JsonValue] = Field(
        description='by item number, `{"1": 5, …}`; leave an item out to skip it', max_length=500
    )
