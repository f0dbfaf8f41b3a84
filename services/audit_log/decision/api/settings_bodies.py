"""What an organisation adds under its clients' consents, as officers send it: every code of a list, every period in order."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from services.audit_log.decision.domain.rules.packs import PACKS
from shared.contracts.codes import EHR_SYSTEM, GATE_ACTIONS, LABELS, RESOURCE_TYPES, RESOURCE_TYPES_NAMED, one_of
from shared.contracts.consent_policy import Period, Provision, RelationshipRole
from shared.entry.text import Exact
from shared.http.body import Body
from shared.http.problems import Fault
from shared.identity.roles import CLAIMABLE
from shared.values.time import ENDS_EARLY, Instant

MAX_DEPTH: Final = 5
"""levels of nested provisions"""
_MOST: Final = 100
Codes = Field(default=(), max_length=_MOST)


class PeriodBody(Body):
    start: Instant
    end: Instant | None = None
    """the first instant that it does not hold any more"""


class ProvisionBody(Body):
    """One rule. An empty list means any."""

    type: Literal["permit", "deny"]
    actors: tuple[Annotated[str, Exact(200)], ...] = Codes
    roles: tuple[Annotated[str, *one_of({*map(str, RelationshipRole), EHR_SYSTEM})], ...] = Codes
    purposes: tuple[Annotated[str, *one_of(CLAIMABLE)], ...] = Codes
    """those that some role can claim: another would permit and deny nothing"""
    actions: tuple[Annotated[str, *one_of(GATE_ACTIONS)], ...] = Codes
    resource_types: tuple[Annotated[str, *one_of(RESOURCE_TYPES, RESOURCE_TYPES_NAMED)], ...] = Codes
    labels: tuple[Annotated[str, *one_of(LABELS)], ...] = Codes
    period: PeriodBody | None = None
    data_period: PeriodBody | None = None
    """when the care was given that the records speak of"""
    provisions: tuple["ProvisionBody", ...] = Codes

    def faults(self, pointer: str, depth: int = 1) -> Iterator[Fault]:
        """What is wrong with the whole of it."""
        for name, period in (("period", self.period), ("data_period", self.data_period)):
            if period is not None and period.end is not None and period.end <= period.start:
                yield Fault(f"{pointer}/{name}/end", ENDS_EARLY)
        if depth == MAX_DEPTH and self.provisions:
            yield Fault(f"{pointer}/provisions", f"nested at most {MAX_DEPTH} levels deep")
            return
        for n, child in enumerate(self.provisions):
            yield from child.faults(f"{pointer}/provisions/{n}", depth + 1)

    def machine(self) -> Provision:
        return Provision(
            type=self.type,
            actors=self.actors,
            roles=self.roles,
            purposes=self.purposes,
            actions=self.actions,
            resource_types=self.resource_types,
            labels=self.labels,
            period=_instants(self.period),
            data_period=_instants(self.data_period),
            provisions=tuple(child.machine() for child in self.provisions),
        )


class NewSettings(Body):
    law: Annotated[str, *one_of(PACKS)]
    provisions: Annotated[tuple[ProvisionBody, ...], Field(max_length=_MOST)] = ()
    """what the organisation adds under the clients' consents; dialect r4, over a base that denies"""

    def faults(self) -> list[Fault]:
        return [fault for n, provision in enumerate(self.provisions) for fault in provision.faults(f"/provisions/{n}")]

    def machine(self) -> tuple[Provision, ...]:
        return tuple(provision.machine() for provision in self.provisions)


def _instants(period: PeriodBody | None) -> Period | None:
    return Period(start=period.start, end=period.end) if period is not None else None
