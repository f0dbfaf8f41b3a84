"""Whose tokens the tests' deployments accept: a key made for the run."""

import json
import os
from pathlib import Path
from typing import Any

from shared.identity.development import AUDIENCE, ISSUER, DevelopmentIssuer
from shared.service import clock


class Issuer:
    def __init__(self) -> None:
        self._issuer = DevelopmentIssuer(os.urandom(32), clock=clock.seconds, new_id=clock.new_id)

    def mint(self, *, sub: str, role: str, tenant: str, client_id: str | None = None, **more: Any) -> str:
        claims: dict[str, Any] = {"sub": sub, "name": sub, "role": role, "tenant": tenant, **more}
        if client_id is not None:
            claims["client_id"] = client_id
        return self._issuer.token(claims)

    def write_jwks(self, folder: Path) -> Path:
        """The public keys, as a deployment reads them."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "jwks.json"
        file.write_text(json.dumps(self._issuer.jwks()))
        return file

    @property
    def environment(self) -> dict[str, str]:
        return {"OIDC_ISSUER": ISSUER, "OIDC_AUDIENCE": AUDIENCE}
