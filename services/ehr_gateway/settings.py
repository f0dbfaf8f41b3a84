"""Settings of ehr_gateway."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from shared.identity.development import ISSUER


@dataclass(frozen=True, slots=True)
class Settings:
    version: str = "0.1.0"
    issuer: str = ISSUER
    jwks_url: str | None = None
    token_endpoint: str | None = None

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        return cls(
            issuer=env.get("OIDC_ISSUER", ISSUER),
            jwks_url=env.get("OIDC_JWKS_URL") or None,
            token_endpoint=env.get("OIDC_TOKEN_ENDPOINT") or None,
        )
