"""What the handlers of courses work with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.alliance_measurement.administrations.application.ports import AdministrationIndex
from services.alliance_measurement.courses.domain.strain import StrainRules
from services.alliance_measurement.desk.application.desk import Desk
from services.alliance_measurement.instruments.domain.catalogue import Catalogue
from shared.contracts.alliance import PromptPrepared


class Prompts(Protocol):
    async def after(self, tenant: str, administrations: Sequence[UUID]) -> list[PromptPrepared]:
        """Closed events that followed these administrations, by one query."""


@dataclass(frozen=True, slots=True)
class CourseDesk(Desk):
    index: AdministrationIndex
    prompts: Prompts
    catalogue: Catalogue
    strain: Mapping[str, StrainRules]
    """constants by instrument; an instrument without them has no episodes"""


def prompt_stream(administration_id: UUID) -> str:
    """Named by the administration it follows, so that a second prompt for it meets the first."""
    return f"repair-prompt/{administration_id}"
