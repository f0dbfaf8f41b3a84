"""Relationships are dated, started by somebody else, and end once."""

from datetime import timedelta
from uuid import UUID

import pytest

from services.consent.domain import policy_change
from services.consent.domain.errors import InvalidForm, NotAllowed, NotNow
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.relationship import KEEPERS, End, Relationship, Start, decide, evolve
from shared.contracts.consent_policy import RelationshipRole
from shared.identity.roles import Role
from tests.unit.consent.given import CLIENT_ID, NOW

ID = UUID("00000000-0000-4000-8000-0000000000ee")


def start(by: str = "intake-1", role: Role = Role.INTAKE, *, since: str = "2026-03-01", until: str | None = None) -> Start:
    period = GivenPeriod(start=since, end=until)
    return Start(ID, CLIENT_ID, "lena.marsh", RelationshipRole.THERAPIST, period, by, role, NOW)


def started(command: Start) -> Relationship:
    (event,) = decide(None, command)
    state = evolve(None, event)
    assert state is not None
    return state


@pytest.mark.parametrize("role", sorted(KEEPERS))
def test_intake_supervisors_and_administrators_start_one(role: Role) -> None:
    state = started(start(role=role))
    assert state.started.author == "intake-1"
    assert state.holds.end is None


@pytest.mark.parametrize("role", sorted(set(Role) - KEEPERS))
def test_nobody_else_starts_one(role: Role) -> None:
    with pytest.raises(NotAllowed):
        decide(None, start(role=role))


@pytest.mark.parametrize("role", sorted(KEEPERS))
def test_nobody_starts_their_own(role: Role) -> None:
    with pytest.raises(NotAllowed):
        decide(None, start("lena.marsh", role))


def test_a_period_that_never_holds_is_refused() -> None:
    with pytest.raises(InvalidForm):
        decide(None, start(since="2026-03-02", until="2026-03-01"))


@pytest.mark.parametrize(("by", "role"), [("intake-2", Role.INTAKE), ("lena.marsh", Role.THERAPIST)])
def test_it_ends_now_and_only_once(by: str, role: Role) -> None:
    state = started(start(until="2026-12-31"))
    (event,) = decide(state, End(by, role, NOW))
    after = evolve(state, event)
    assert after is not None
    assert after.holds.end == NOW
    with pytest.raises(NotNow):
        decide(after, End(by, role, NOW + timedelta(days=1)))


def test_the_gate_learns_who_recorded_it_and_when_also_after_its_end() -> None:
    state = started(start(since="2020-01-01"))
    later = NOW + timedelta(days=1)
    (event,) = decide(state, End("intake-2", Role.INTAKE, later))
    after = evolve(state, event)
    assert after is not None
    for told in (policy_change.of_relationship(state, NOW), policy_change.of_relationship(after, later)):
        assert (told.recorded_by, told.recorded_at) == ("intake-1", NOW)


def test_a_colleague_does_not_end_it() -> None:
    with pytest.raises(NotAllowed):
        decide(started(start()), End("sam.okoye", Role.THERAPIST, NOW))


def test_one_that_is_over_has_ended_already() -> None:
    with pytest.raises(NotNow):
        decide(started(start(since="2026-01-01", until="2026-03-01")), End("intake-1", Role.INTAKE, NOW))


def test_one_that_has_not_begun_never_holds() -> None:
    state = started(start(since="2026-05-01"))
    (event,) = decide(state, End("intake-1", Role.INTAKE, NOW))
    after = evolve(state, event)
    assert after is not None
    assert after.holds.end == after.holds.start
