"""What an organisation adds: a layer under the client's consent and over nothing else.

It is asked where law, release and consent have said nothing. By default it adds nothing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final
from uuid import UUID

from services.audit_log.decision.domain.policy import NO_POLICY, ClientPolicy
from services.audit_log.decision.domain.rules.asked import APART
from shared.contracts.consent_policy import ConsentKind, ConsentSet, ConsentStatus, Period, Policy, Provision
from shared.contracts.records import KeyClass

_NOBODY: Final = UUID(int=0)


@dataclass(frozen=True)
class OrganisationPolicy:
    version: int = 0
    """of the tenant's settings; 0: never chosen"""
    provisions: tuple[Provision, ...] = ()
    """in dialect r4 under a silent base; they reach every class but those of `APART`"""

    @cached_property
    def as_policy(self) -> ClientPolicy:
        """The provisions as one consent of nobody, which is asked like a client's."""
        if not self.provisions:
            return NO_POLICY
        always = datetime.min.replace(tzinfo=UTC)
        own = ConsentSet(
            consent_id=_NOBODY,
            client_id=_NOBODY,
            kind=ConsentKind.DISCLOSURE,
            status=ConsentStatus.ACTIVE,
            policy=Policy(base="silent", provisions=self.provisions),
            period=Period(start=always),
            covers=tuple(k.value for k in KeyClass if k not in APART),
            at=always,
        )
        return ClientPolicy((own,))


ADDS_NOTHING: Final = OrganisationPolicy()
