"""The identity provider by which officers sign in (OpenID Connect), as these pages need it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from services.audit_log.officers.domain.attempt import Proofs


class ProviderAway(Exception):
    """It cannot be reached, or does not answer as it should."""


class CodeNotTaken(Exception):
    """It gives nothing for this code: used, too old, or another browser's."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    authorization: str
    token: str
    end_session: str | None = None
    """RP-initiated logout; None where it has none"""
    names_itself: bool = False
    """whether it promises `iss` in its answers (RFC 9207)"""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    """of a confidential client; None for a public one, which PKCE protects"""
    endpoints: Endpoints | None = None
    """None: they are asked for at `<issuer>/.well-known/openid-configuration`"""
    scope: str = "openid profile"
    ca_file: Path | None = None
    """PEM of the authority that signs the provider's certificate; None: the system's"""


@dataclass(frozen=True, slots=True)
class Granted:
    access_token: str = field(repr=False)
    id_token: str = field(repr=False)


class Provider(Protocol):
    @property
    def settings(self) -> ProviderSettings: ...

    def endpoints(self) -> Endpoints:
        """Raises ProviderAway while they are not known."""

    async def redeem(self, code: str, verifier: str, redirect_uri: str) -> Granted:
        """Tokens for a code (RFC 6749, 4.1.3; RFC 7636, 4.5). Raises CodeNotTaken, ProviderAway."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def authorization_url(provider: Provider, proofs: Proofs, redirect_uri: str) -> str:
    """Where the browser goes. Raises ProviderAway."""
    query = {
        "response_type": "code",
        "client_id": provider.settings.client_id,
        "redirect_uri": redirect_uri,
        "scope": provider.settings.scope,
        "state": proofs.state,
        "nonce": proofs.nonce,
        "code_challenge": proofs.challenge,
        "code_challenge_method": "S256",
    }
    return _with(provider.endpoints().authorization, query)


def logout_url(provider: Provider, leads_to: str) -> str | None:
    """Where the browser ends its session with the provider (OpenID Connect RP-Initiated Logout 1.0), if that can be."""
    try:
        address = provider.endpoints().end_session
    except ProviderAway:
        return None
    query = {"client_id": provider.settings.client_id, "post_logout_redirect_uri": leads_to}
    return _with(address, query) if address else None


def _with(address: str, query: dict[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"
