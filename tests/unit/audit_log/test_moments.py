"""To the moment: what holds from an instant holds in it, what ends at an instant does not hold in it any more."""

from collections.abc import Callable
from datetime import datetime

import pytest

from services.audit_log.decision.domain.decision import may_search
from services.audit_log.decision.domain.policy import ClientPolicy, TenantPolicy
from tests.unit.audit_log.asking import CLIENT, DAY, EHR, GUARDIAN, NOW, RIVERA, TREATED, ask, given, record, relation, shown
from tests.unit.audit_log.law.test_law_by_rule import restriction, stands_for

Held = Callable[[datetime, datetime | None], bool]


def related(start: datetime, end: datetime | None) -> bool:
    return bool(ClientPolicy(relationships=(relation(RIVERA, "therapist", start, end),)).relationships_of(RIVERA, NOW))


def restricted(start: datetime, end: datetime | None) -> bool:
    return bool(ClientPolicy(restrictions=(restriction(start=start, end=end),)).restrictions_of(EHR.id, NOW))


def represented(start: datetime, end: datetime | None) -> bool:
    authority = stands_for("read").model_copy(update={"start": start, "end": end})
    policy = given(*TREATED, authority)
    searched = may_search(GUARDIAN, CLIENT, purpose="PATRQT", policy=policy, grants=(), now=NOW).permitted
    read = ask(GUARDIAN, "read", record("progress_note"), facts=(*TREATED, authority)).permitted
    assert searched is read
    return read


@pytest.mark.parametrize("held", [related, restricted, represented])
def test_from_its_start_and_until_its_end(held: Held) -> None:
    moment = DAY / 86_400_000_000
    assert held(NOW, None) and held(NOW - DAY, NOW + moment)
    assert not held(NOW + moment, None) and not held(NOW - DAY, NOW)


def test_whose_authority_ended_learns_nothing_of_the_client() -> None:
    ended = stands_for("read", end=NOW)
    assert shown(ask(GUARDIAN, "read", record("client"), facts=(*TREATED, ended))) == "404"
    assert shown(may_search(GUARDIAN, CLIENT, purpose="PATRQT", policy=given(ended), grants=(), now=NOW)) == "404"


def test_a_change_that_is_known_is_not_taken_twice() -> None:
    policy, first = TenantPolicy(), relation(RIVERA, "therapist")
    assert policy.add(1, first) and not policy.add(1, first.model_copy(update={"practitioner_id": "t-other"}))
    assert policy.watermark == 1 and policy.client(CLIENT).relationships == (first,)
    assert not policy.add(3, first) and policy.watermark == 1, "it waits for the second"
    assert policy.add(2, first) and policy.watermark == 3
