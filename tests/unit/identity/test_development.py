"""The built-in issuer exists in development, on a loopback address, and nowhere else."""

from uuid import UUID

import orjson
import pytest

from shared import base64url
from shared.identity.development import (
    AUDIENCE,
    ISSUER,
    LIFETIME_SECONDS,
    DevelopmentIssuer,
    NotDevelopment,
    require_development,
)
from shared.identity.tokens import StaticKeys, TokenVerifier

NOW = 1_900_000_000.0


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_it_exists_in_development_on_this_machine(host: str) -> None:
    require_development("development", host)
    for environment in (None, "", "production", "Development"):
        with pytest.raises(NotDevelopment, match="ENVIRONMENT"):
            require_development(environment, host)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "10.0.0.7", "localhost.evil.example", "::"])  # noqa: S104
def test_it_serves_no_other_address(host: str) -> None:
    with pytest.raises(NotDevelopment, match="loopback"):
        require_development("development", host)


def test_what_it_issues_is_taken_and_says_how_long_it_holds() -> None:
    issuer = DevelopmentIssuer(b"i" * 32, clock=lambda: NOW + 0.7, new_id=lambda: UUID(int=7))
    token = issuer.token({"sub": "u-1", "tenant": "north", "role": "therapist"})
    who = TokenVerifier(StaticKeys(issuer.jwks()), issuer=ISSUER, audience=AUDIENCE, clock=lambda: NOW).verify(token)
    assert (who.sub, who.issued_at, who.expires_at, who.jti) == ("u-1", NOW, NOW + LIFETIME_SECONDS, str(UUID(int=7)))
    assert LIFETIME_SECONDS == 12 * 3600
    (public,) = issuer.jwks()["keys"]
    assert "d" not in public and (public["kid"], public["alg"], public["crv"]) == ("dev", "Ed25519", "Ed25519")
    claims = orjson.loads(base64url.decode(token.split(".")[1]))
    assert set(claims) == {"iss", "aud", "iat", "exp", "jti", "sub", "tenant", "role"}
