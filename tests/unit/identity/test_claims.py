"""Whose token is taken: claims that name no person, or that no store and no log could hold, are refused."""

from typing import Any

import pytest

from shared.identity.tokens import InvalidToken, principal_of

GOOD: dict[str, Any] = {"sub": "ada.rivera", "tenant": "north", "role": "therapist", "name": "Dr. Ada Rivera", "scope": "a b"}


def test_a_person_is_taken_whatever_script_their_name_is_in() -> None:
    for name in ("Dr. Ada Rivera", "Zoë O’Brien-Łukasik", "山田 花子", "محمد‌رضا"):
        assert principal_of(GOOD | {"name": name}).name == name


@pytest.mark.parametrize("sub", ["job:strain_detection", "link:1", "service:audit_log", "job:", "Job:x", "SERVICE:consent"])
@pytest.mark.parametrize("role", ["therapist", "client", "ehr_system"])
def test_nobody_is_named_like_a_job_a_link_or_a_service(sub: str, role: str) -> None:
    with pytest.raises(InvalidToken, match="no person"):
        principal_of(GOOD | {"sub": sub, "role": role, "client_id": "c"})


@pytest.mark.parametrize("claim", ["sub", "name", "client_id", "scope", "jti"])
@pytest.mark.parametrize("bad", ["\x00", "\n", "\x1b[2J", "\x7f", "\x85", "\ud800"])
def test_control_characters_are_refused(claim: str, bad: str) -> None:
    with pytest.raises(InvalidToken) as refused:
        principal_of(GOOD | {"role": "client", "client_id": "c"} | {claim: f"ab{bad}cd"})
    assert claim in str(refused.value) and bad not in str(refused.value)


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"roles": ["therapist", "intake"]}, ("therapist", "intake")),
        ({"roles": ["intake", "therapist"]}, ("intake", "therapist")),
        ({"roles": ["therapist", "intake"], "role": "intake"}, ("intake", "therapist")),
        ({"roles": ["therapist"]}, ("therapist",)),
        ({"role": "therapist"}, ("therapist",)),
    ],
)
def test_the_roles_of_a_token(claims: dict[str, Any], roles: tuple[str, ...]) -> None:
    found = principal_of({k: v for k, v in GOOD.items() if k != "role"} | claims)
    assert (found.role, found.roles) == (roles[0], roles)


@pytest.mark.parametrize(
    "claims",
    [
        {"roles": ["therapist", "compliance_officer"]},
        {"roles": ["therapist", "intake", "administrator"]},
        {"roles": ["client", "therapist"], "client_id": "c"},
        {"roles": ["therapist", "intake"], "role": "compliance_officer"},
        {"roles": []},
        {"roles": "therapist"},
        {"roles": ["nobody"]},
        {"roles": [None]},
        {"roles": {"therapist": 1}},
        {},
    ],
)
def test_no_other_roles_stand_in_one_token(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken, match="role"):
        principal_of({k: v for k, v in GOOD.items() if k != "role"} | claims)
