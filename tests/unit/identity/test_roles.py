"""Role × purpose, written out: a purpose more or less is seen here."""

import pytest

from shared.identity.roles import PRACTITIONERS, PURPOSES, Role, default_purpose, may_claim

TABLE = {
    "intake": "HOPERAT TREAT COC",
    "therapist": "TREAT ETREAT BTG THREAT COC TRAIN SUPNWK",
    "supervisor": "TREAT TRAIN ETREAT BTG THREAT COC HOPERAT SUPNWK",
    "trainee": "TREAT TRAIN",
    "client": "PATRQT",
    "representative": "PWATRNY FAMRQT PATRQT",
    "compliance_officer": "HCOMPL HLEGAL",
    "ehr_system": "TREAT COC HPAYMT HOPERAT PUBHLTH HRESCH HLEGAL",
    "administrator": "HOPERAT",
}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_claim_what_its_row_says(role: Role) -> None:
    row = TABLE[role].split()
    every = {purpose for purposes in PURPOSES.values() for purpose in purposes} | {"", "treat", "PAT"}
    assert [p for p in PURPOSES[role] if may_claim(role, p)] == row
    assert {p for p in every if may_claim(role, p)} == set(row)
    assert default_purpose(role) == row[0]


def test_who_practises() -> None:
    assert set(PRACTITIONERS) == {Role.THERAPIST, Role.SUPERVISOR, Role.TRAINEE}
    assert {str(r) for r in Role} == set(TABLE)
