"""What a tenant chose: the pack of law that binds it, and what its organisation adds under the clients' consents."""

from dataclasses import dataclass, field
from typing import Final

from services.audit_log.domain.organisation import ADDS_NOTHING, OrganisationPolicy
from services.audit_log.domain.rules.pack import Pack
from services.audit_log.domain.rules.packs import DEFAULT_PACK


@dataclass(frozen=True)
class TenantRules:
    version: int = 0
    """0: never chosen"""
    law: Pack = field(default=DEFAULT_PACK)
    organisation: OrganisationPolicy = ADDS_NOTHING


UNCHOSEN_RULES: Final = TenantRules()
