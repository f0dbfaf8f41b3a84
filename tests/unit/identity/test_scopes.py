"""SMART scopes: v1 and v2, and what grants nothing."""

import pytest

from shared.identity.scopes import granted


@pytest.mark.parametrize(
    ("scopes", "letter", "own", "allowed"),
    [
        ("", "c", False, True),
        ("openid fhirUser launch", "c", False, True),
        ("system/Consent.rs", "r", False, True),
        ("system/Consent.rs", "s", False, True),
        ("system/Consent.rs", "u", False, False),
        ("system/Consent.cruds", "d", False, True),
        ("system/Consent.read", "s", False, True),
        ("system/Consent.write", "r", False, False),
        ("system/Consent.write", "u", False, True),
        ("user/*.*", "c", False, True),
        ("system/*.r", "r", False, True),
        ("system/Observation.cruds", "r", False, False),
        ("system/Consent.sr", "r", False, False),
        ("system/Consent.rs?status=active", "r", False, False),
        ("patient/Consent.r", "r", False, False),
        ("patient/Consent.r", "r", True, True),
    ],
)
def test_scopes(scopes: str, letter: str, own: bool, allowed: bool) -> None:
    assert granted(scopes.split(), "Consent", letter, own_record=own) is allowed
