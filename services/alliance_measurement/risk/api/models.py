"""Bodies of requests."""

from typing import Annotated

from pydantic import Field

from services.alliance_measurement.risk.domain.risk import RiskSettings
from shared.entry.text import Exact, Lines
from shared.http.body import Body


class AcknowledgementBody(Body):
    note: Annotated[str, Lines(2000)] | None = None


class HandoverBody(Body):
    to: Annotated[str, Exact(200)] = Field(description="`sub` of the practitioner who is told instead")
    reason: Annotated[str, Lines(1000)]


class RiskSettingsBody(RiskSettings, Body):
    """Who is told of answers to critical items, and what clients read."""
