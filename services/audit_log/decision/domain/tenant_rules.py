"""What a tenant chose: the pack of law that binds it, and what its organisation adds under the clients' consents."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from services.audit_log.decision.domain.organisation import ADDS_NOTHING, OrganisationPolicy
from services.audit_log.decision.domain.rules.pack import Pack
from services.audit_log.decision.domain.rules.packs import DEFAULT_PACK
from shared.contracts.consent_policy import Provision


@dataclass(frozen=True)
class TenantRules:
    version: int = 0
    """0: never chosen"""
    law: Pack = field(default=DEFAULT_PACK)
    organisation: OrganisationPolicy = ADDS_NOTHING


@dataclass(frozen=True, slots=True)
class Wish:
    """What one officer wants to be in force: it is, once another wants the same."""

    law: str
    provisions: tuple[Provision, ...]
    by: str
    at: datetime

    def is_shared_by(self, other: "Wish") -> bool:
        return (
            other.by != self.by
            and (other.law, other.provisions) == (self.law, self.provisions)
            and timedelta() <= other.at - self.at < WISH_HOLDS
        )


WISH_HOLDS: Final = timedelta(days=7)
UNCHOSEN_RULES: Final = TenantRules()
