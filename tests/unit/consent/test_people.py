"""Representatives, capacity, restrictions and amendments at their deciders."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.consent.domain import amendment, capacity, jurisdictions, representative, restriction
from services.consent.domain.amendment import Amendment, By
from services.consent.domain.capacity import Capacity, Determine
from services.consent.domain.errors import InvalidForm, NotAllowed, NotNow
from services.consent.domain.people_events import AmendmentWords, DenialBasis, RepresentativeWords, RestrictionWords
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.representative import Appoint, Representative
from services.consent.domain.restriction import Request, Restriction
from shared.contracts.consent_policy import RepresentativeKind, RepresentativePower
from shared.contracts.records import RecordType
from shared.identity.roles import Role
from shared.sealing.event import Event
from tests.unit.consent.given import CLIENT_ID, NOW

ID = UUID("00000000-0000-4000-8000-000000000009")
RECORD = UUID("00000000-0000-4000-8000-00000000000a")
DAY = timedelta(days=1)


def appoint(**changes: Any) -> Appoint:
    born = changes.pop("born", "2012-05-01")
    given: dict[str, Any] = {
        "representative_id": ID,
        "client_id": CLIENT_ID,
        "person": "ines.haddad",
        "kind": RepresentativeKind.PARENT,
        "authority": "parental-responsibility",
        "period": GivenPeriod(start="2026-01-01"),
        "may": (RepresentativePower.READ, RepresentativePower.SIGN),
        "words": RepresentativeWords(name="Ines Haddad", evidence="Birth certificate.", client_birth_date=born),
        "by": "intake-1",
        "by_role": Role.INTAKE,
        "at": NOW,
        "jurisdiction": "US-CA",
    }
    return Appoint(**(given | changes))


def proxy(**changes: Any) -> Appoint:
    kind, authority = RepresentativeKind.HEALTHCARE_PROXY, "power-of-attorney"
    return appoint(kind=kind, authority=authority, born=None, jurisdiction=None, only_without_capacity=True, **changes)


def people(state: Representative | None, events: list[Event]) -> Representative:
    for event in events:
        state = representative.evolve(state, event)
    assert state is not None
    return state


@pytest.mark.parametrize(
    ("jurisdiction", "end"), [("US-CA", 2030), ("DE", 2030), ("US-AL", 2031), ("US-MS", 2033), ("US-WA", 2030)]
)
def test_the_age_of_majority_ends_a_parents_authority(jurisdiction: str, end: int) -> None:
    state = people(None, representative.appoint(appoint(jurisdiction=jurisdiction)))
    of_age = datetime(end, 5, 1, tzinfo=UTC)
    change = representative.policy(None, state, NOW)
    assert change.end == of_age == state.next_time()
    assert state.current(of_age - DAY) and not state.current(of_age)
    (ended,) = representative.end(state, "service:consent", None, of_age)
    assert people(state, [ended]).ended == "majority"


def test_an_earlier_end_of_its_own_comes_first() -> None:
    state = people(None, representative.appoint(appoint(period=GivenPeriod(start="2026-01-01", end="2027-12-31"))))
    assert state.holds.end == datetime(2028, 1, 1, tzinfo=UTC)


def test_without_a_sourced_age_of_majority_somebody_has_to_say_the_end() -> None:
    with pytest.raises(InvalidForm) as refused:
        representative.appoint(appoint(jurisdiction="FR"))
    assert [f.pointer for f in refused.value.faults] == ["/jurisdiction"]
    with pytest.raises(InvalidForm):
        representative.appoint(appoint(born=None))
    assert representative.appoint(appoint(jurisdiction="FR", period=GivenPeriod(start="2026-01-01", end="2030-04-30")))


@pytest.mark.parametrize("born", ["2008-01-01", "2026-02-30", "x"])
def test_a_birth_date_of_a_minor(born: str) -> None:
    with pytest.raises(InvalidForm):
        representative.appoint(appoint(born=born))


def test_a_leap_day_comes_of_age_in_a_year_without_one() -> None:
    assert jurisdictions.comes_of_age(date(2012, 2, 29), 18) == date(2030, 3, 1)


def test_who_registers_it() -> None:
    for role in set(Role) - {Role.INTAKE}:
        with pytest.raises(NotAllowed):
            representative.appoint(appoint(by_role=role))
    with pytest.raises(NotAllowed):
        representative.appoint(appoint(by="ines.haddad"))


def test_a_proxy_waits_takes_effect_and_rests() -> None:
    state = people(None, representative.appoint(proxy()))
    assert not state.current(NOW)
    waiting = representative.policy(None, state, NOW)
    assert waiting.end == waiting.start
    acting = people(state, representative.capacity_changed(state, False, "x", NOW + DAY))
    change = representative.policy(state, acting, NOW + DAY)
    assert (change.start, change.end) == (NOW + DAY, None)
    assert representative.capacity_changed(acting, False, "x", NOW + DAY) == []
    resting = people(acting, representative.capacity_changed(acting, True, "x", NOW + 2 * DAY))
    change = representative.policy(acting, resting, NOW + 2 * DAY)
    assert change.end == NOW + 2 * DAY
    assert representative.capacity_changed(resting, True, "x", NOW + 3 * DAY) == []
    again = people(resting, representative.capacity_changed(resting, False, "x", NOW + 3 * DAY))
    assert again.holds.start == NOW + 3 * DAY and again.current(NOW + 3 * DAY)


@pytest.mark.parametrize("rested", [False, True])
def test_one_that_ends_while_it_waits_is_told_as_holding_for_no_time(rested: bool) -> None:
    state = people(None, representative.appoint(proxy()))
    if rested:
        state = people(state, representative.capacity_changed(state, False, "x", NOW + DAY))
        state = people(state, representative.capacity_changed(state, True, "x", NOW + 2 * DAY))
    over = people(state, representative.end(state, "intake-1", Role.INTAKE, NOW + 3 * DAY))
    change = representative.policy(state, over, NOW + 3 * DAY)
    assert change.end == change.start


def test_the_client_withdraws_their_own_proxy_and_not_a_guardian() -> None:
    given = people(None, representative.appoint(proxy()))
    (ended,) = representative.end(given, "noor", Role.CLIENT, NOW)
    assert people(given, [ended]).ended == "withdrawn"
    parent = people(None, representative.appoint(appoint()))
    with pytest.raises(NotAllowed):
        representative.end(parent, "noor", Role.CLIENT, NOW)
    with pytest.raises(NotAllowed):
        representative.end(parent, "lena", Role.THERAPIST, NOW)
    over = people(parent, representative.end(parent, "intake-1", Role.INTAKE, NOW))
    with pytest.raises(NotNow):
        representative.end(over, "intake-1", Role.INTAKE, NOW)


def determine(has: bool, since: datetime = NOW, role: Role = Role.THERAPIST) -> Determine:
    return Determine(ID, CLIENT_ID, has, since, "Seen today.", "lena.marsh", role, NOW)


def test_capacity_is_lost_and_regained() -> None:
    state: Capacity | None = None
    with pytest.raises(NotNow):
        capacity.decide(None, determine(True))
    for has in (False, True):
        for event in capacity.decide(state, determine(has)):
            state = capacity.evolve(state, event)
        assert state is not None and (state.lost_since is None) is has
    with pytest.raises(InvalidForm):
        capacity.decide(state, determine(False, NOW - DAY))
    with pytest.raises(InvalidForm):
        capacity.decide(None, determine(False, NOW + DAY))
    with pytest.raises(NotAllowed):
        capacity.decide(None, determine(False, role=Role.REPRESENTATIVE))


def restrict(**changes: Any) -> Request:
    given: dict[str, Any] = {
        "restriction_id": ID,
        "client_id": CLIENT_ID,
        "payer": "plan.example",
        "paid_in_full": True,
        "purposes": ("HPAYMT", "HOPERAT"),
        "period": GivenPeriod(start="2026-03-01"),
        "words": RestrictionWords(payer_name="A Plan"),
        "by": "noor",
        "role": Role.CLIENT,
        "at": NOW,
        "record_ids": (str(RECORD),),
    }
    return Request(**(given | changes))


def kept(state: Restriction | None, events: list[Event]) -> Restriction:
    for event in events:
        state = restriction.evolve(state, event)
    assert state is not None
    return state


def test_what_was_paid_in_full_binds_at_once_and_is_not_the_practices_to_refuse() -> None:
    state = kept(None, restriction.request(restrict()))
    change = restriction.policy(None, state, NOW)
    assert change is not None and (change.payer, change.record_ids, change.end) == ("plan.example", (str(RECORD),), None)
    with pytest.raises(NotNow, match="by law"):
        restriction.answer(state, False, None, "intake-1", Role.INTAKE, NOW)
    lifted = kept(state, restriction.end(state, "noor", Role.CLIENT, NOW))
    assert (change := restriction.policy(state, lifted, NOW)) is not None and change.end == NOW


def test_any_other_waits_for_the_answer() -> None:
    state = kept(None, restriction.request(restrict(paid_in_full=False, purposes=("TREAT",))))
    assert restriction.policy(None, state, NOW) is None
    agreed = kept(state, restriction.answer(state, True, None, "intake-1", Role.INTAKE, NOW))
    assert restriction.policy(state, agreed, NOW) is not None
    declined = kept(state, restriction.answer(state, False, "It would endanger care.", "intake-1", Role.INTAKE, NOW))
    assert restriction.policy(state, declined, NOW) is None
    for who in (Role.CLIENT, Role.THERAPIST):
        with pytest.raises(NotAllowed):
            restriction.answer(state, True, None, "x", who, NOW)
    with pytest.raises(NotAllowed):
        restriction.end(agreed, "intake-1", Role.INTAKE, NOW)
    with pytest.raises(InvalidForm):
        restriction.request(restrict(purposes=("TREAT",)))


WORDS = AmendmentWords(what="The date of the move.", why="It was in May.")
CLIENT, MARSH = By("noor", Role.CLIENT, NOW), By("lena.marsh", Role.THERAPIST, NOW)


def asked(received_on: str = "2026-03-02", by: By = CLIENT) -> Amendment:
    return amended(None, amendment.request(ID, CLIENT_ID, RECORD, RecordType.PROGRESS_NOTE, received_on, WORDS, by))


def amended(state: Amendment | None, events: list[Event]) -> Amendment:
    for event in events:
        state = amendment.evolve(state, event)
    assert state is not None
    return state


def test_164_526_sixty_days_and_once_thirty_more() -> None:
    state = asked()
    last_day = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=60)
    assert state.status(last_day + timedelta(hours=23)) == "requested"
    assert state.status(last_day + DAY) == "overdue"
    longer = amended(state, amendment.extend(state, "The therapist is away.", MARSH))
    assert longer.due_at - state.due_at == timedelta(days=30)
    with pytest.raises(NotNow):
        amendment.extend(longer, "Again.", MARSH)
    with pytest.raises(NotNow):
        amendment.extend(state, "Late.", By("lena.marsh", Role.THERAPIST, last_day + DAY))
    assert amendment.accept(state, "In May.", By("lena.marsh", Role.THERAPIST, last_day + 9 * DAY))


def test_164_526_a_denial_can_be_disagreed_with_and_rebutted() -> None:
    state = asked()
    with pytest.raises(NotNow):
        amendment.disagree(state, "No.", CLIENT)
    denied = amended(state, amendment.deny(state, DenialBasis.ACCURATE, "The letter says April.", MARSH))
    with pytest.raises(NotNow):
        amendment.accept(denied, "In May.", MARSH)
    with pytest.raises(NotAllowed):
        amendment.disagree(denied, "No.", MARSH)
    with pytest.raises(NotNow):
        amendment.rebut(denied, "See the letter.", MARSH)
    stated = amended(denied, amendment.disagree(denied, "It was in May.", CLIENT))
    assert stated.status(NOW) == "disagreed"
    with pytest.raises(NotNow):
        amendment.disagree(stated, "Again.", CLIENT)
    with pytest.raises(NotAllowed):
        amendment.rebut(stated, "See.", CLIENT)
    assert amended(stated, amendment.rebut(stated, "See the letter.", MARSH)).rebuttal is not None


@pytest.mark.parametrize("received_on", ["2026-03-03", "2026-02-30", "2026-02-01"])
def test_a_client_asks_today(received_on: str) -> None:
    with pytest.raises(InvalidForm):
        asked(received_on)
    if received_on == "2026-02-01":
        assert asked(received_on, By("intake-1", Role.INTAKE, NOW)).due_at == datetime(2026, 4, 3, tzinfo=UTC)
    with pytest.raises(NotAllowed):
        asked("2026-03-02", MARSH)
