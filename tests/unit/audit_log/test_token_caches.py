"""What is cached of a token ends with the policy change that touches its bearer."""

from typing import Any
from uuid import UUID

import pytest

from services.audit_log.gate.application.token_caches import end_caches
from shared.identity.development import AUDIENCE, ISSUER, DevelopmentIssuer
from shared.identity.tokens import StaticKeys, TokenVerifier
from tests.unit.audit_log.asking import CLIENT, NOW, RIVERA, consent, provision, relation
from tests.unit.audit_log.law.test_law_by_rule import restriction, stands_for


class Keys(StaticKeys):
    """Counts how often a signature is checked."""

    checked = 0

    def keys(self) -> Any:
        self.checked += 1
        return super().keys()


@pytest.fixture
def cached() -> tuple[TokenVerifier, Keys, dict[str, str]]:
    issuer = DevelopmentIssuer(b"i" * 32, clock=NOW.timestamp, new_id=lambda: UUID(int=1))
    keys = Keys(issuer.jwks())
    verifier = TokenVerifier(keys, issuer=ISSUER, audience=AUDIENCE, clock=NOW.timestamp)
    people = {
        "ehr-1": "ehr_system",
        RIVERA: "therapist",
        "u-client": "client",
        "u-guardian": "representative",
        "t-x": "therapist",
    }
    tokens = {
        sub: issuer.token(
            {"sub": sub, "role": role, "tenant": "clinic"} | ({"client_id": CLIENT} if sub.startswith("u-") else {})
        )
        for sub, role in people.items()
    }
    for token in tokens.values():
        verifier.verify(token)
    return verifier, keys, tokens


def verified_again(cached: tuple[TokenVerifier, Keys, dict[str, str]]) -> set[str]:
    verifier, keys, tokens = cached
    again = set()
    for sub, token in tokens.items():
        before = keys.checked
        verifier.verify(token)
        if keys.checked > before:
            again.add(sub)
    return again


NAMING = consent("treatment", "permit", provision("deny", provision("permit", actors=("ehr-1",))))


def test_a_revocation_ends_what_is_cached_of_the_client_and_whom_it_names(cached: Any) -> None:
    end_caches(cached[0], NAMING)
    assert verified_again(cached) == set()
    end_caches(cached[0], NAMING.model_copy(update={"status": "revoked"}))
    assert verified_again(cached) == {"ehr-1", "u-client", "u-guardian"}


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (NAMING.model_copy(update={"revoked_recipients": ("t-x",)}), {"t-x", "ehr-1", "u-client", "u-guardian"}),
        (relation(RIVERA, "therapist"), set()),
        (relation(RIVERA, "therapist", end=NOW), {RIVERA}),
        (stands_for("read"), {"u-guardian"}),
        (restriction(), {"ehr-1"}),
    ],
)
def test_other_changes_end_what_they_touch(cached: Any, change: Any, again: set[str]) -> None:
    end_caches(cached[0], change)
    assert verified_again(cached) == again
