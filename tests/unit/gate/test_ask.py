"""What a caller is told of the gate's answers, and what is asked of the gate."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from shared.contracts.disclosure import (
    MAX_RECORDS,
    Action,
    Decision,
    DisclosureAnswer,
    DisclosureRequest,
    Exclusion,
    IndexField,
    IndexKey,
    Obligation,
    Ratings,
    Reach,
    RecordKey,
    RecordOutcome,
    RecordRef,
    Refusal,
    ReleaseAudience,
    ReleaseView,
)
from shared.contracts.notices import NOTICES
from shared.contracts.records import KeyClass, RecordType
from shared.gate.ask import ask, open_export, open_many, open_one, opened, refusal_problem
from shared.gate.port import AWAY_IN_WORDS, Away, GateUnavailable
from shared.http.call import Call
from shared.http.problems import Problem
from shared.identity.principal import Principal
from shared.identity.roles import Role

CALL = Call(Principal("u-1", "north", Role.THERAPIST), "token", "TREAT", "r-1", None)


@dataclass
class Gate:
    """Answers one after the other; the last again and again."""

    answers: list[DisclosureAnswer]
    asked: list[DisclosureRequest] = field(default_factory=list)

    async def disclose(self, request: DisclosureRequest) -> DisclosureAnswer:
        self.asked.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def gate(*answers: DisclosureAnswer) -> Any:
    return cast(Any, Gate(list(answers)))


def ref(number: int = 1) -> RecordRef:
    return RecordRef(record_id=f"n{number}", client_id="c", record_type=RecordType.PROGRESS_NOTE)


def key(number: int = 1) -> RecordKey:
    return RecordKey(record_id=f"n{number}", key_class=KeyClass.PROGRESS_NOTE, kid="k", key=b"k" * 32)


def outcome(number: int = 1, *, permit: bool = True, may_know: bool = True, erased: bool = False) -> RecordOutcome:
    decision = Decision.PERMIT if permit else Decision.DENY
    return RecordOutcome(record_id=f"n{number}", decision=decision, reason="r", may_know=may_know, erased=erased)


def answer(*outcomes: RecordOutcome, permit: bool = True, entries: Sequence[int] = (7,), **more: Any) -> DisclosureAnswer:
    decision = Decision.PERMIT if permit else Decision.DENY
    return DisclosureAnswer(decision=decision, entries=tuple(entries), records=outcomes, **more)


async def test_the_call_is_passed_on_whole() -> None:
    asked = gate(answer())
    fields = (IndexField.NAME,)
    await ask(asked, CALL, Action.SEARCH, [ref()], subjects=["c"], sealed_for="s", index_fields=fields)
    assert asked.asked == [
        DisclosureRequest(
            tenant="north",
            action=Action.SEARCH,
            caller=CALL.caller,
            request_id="r-1",
            records=(ref(),),
            subjects=("c",),
            purpose="TREAT",
            sealed_for="s",
            index_fields=fields,
        )
    ]
    assert CALL.caller.token == "token"


@pytest.mark.parametrize(
    ("refusal", "status", "slug"),
    [
        (Refusal.IDENTITY, 401, "unauthenticated"),
        (Refusal.SCOPES, 403, "insufficient-scope"),
        (Refusal.PURPOSE, 403, "forbidden"),
        (Refusal.SERVICE, 403, "forbidden"),
        (Refusal.REGISTRY, 404, "not-found"),
        (Refusal.STALE, 503, "unavailable"),
    ],
)
async def test_a_request_that_was_refused_whole(refusal: Refusal, status: int, slug: str) -> None:
    with pytest.raises(Problem) as told:
        await ask(gate(answer(permit=False, refusal=refusal)), CALL, Action.READ, [ref()])
    assert (told.value.status, told.value.slug) == (status, slug)
    assert set(Refusal) - {Refusal.POLICY} >= {refusal}


def test_a_policy_refusal_is_told_record_by_record() -> None:
    for refusal in (Refusal.POLICY, None):
        assert refusal_problem(answer(refusal=refusal)) is None
    assert all(refusal_problem(answer(refusal=r)) is not None for r in Refusal if r is not Refusal.POLICY)


async def test_one_record_is_opened() -> None:
    asked = gate(answer(outcome(), keys=(key(),), index_keys=(INDEX,)))
    found = await open_one(asked, CALL, Action.READ, ref(), index_fields=[IndexField.NAME])
    assert found.key("n1") == key() and found.headers == {"Audit-Entry": "7"} and found.index_keys == (INDEX,)
    assert asked.asked[0].index_fields == (IndexField.NAME,) and asked.asked[0].records == (ref(),)


INDEX = IndexKey(field=IndexField.NAME, kid="x", current=True, key=b"i" * 32)


@pytest.mark.parametrize(("may_know", "status"), [(True, 403), (False, 404)])
async def test_one_record_is_refused_as_the_caller_may_know_of_it(may_know: bool, status: int) -> None:
    refused = answer(outcome(permit=False, may_know=may_know), permit=False, entries=(3, 4), refusal=Refusal.POLICY)
    with pytest.raises(Problem) as told:
        await open_one(gate(refused), CALL, Action.READ, ref())
    assert told.value.status == status and told.value.headers["Audit-Entry"] == "3, 4"
    sent = {k.lower(): v for k, v in told.value.response().headers.items()}
    assert ("audit-entry" in sent) is (status == 403), "a 404 names no entry"


async def test_many_are_opened_as_far_as_they_may_be() -> None:
    asked = gate(answer(outcome(1), outcome(2, permit=False), outcome(3, erased=True), keys=(key(),)))
    found = await open_many(asked, CALL, [ref(1), ref(2), ref(3)], client_id="c")
    assert [found.permitted(f"n{n}") for n in (1, 2, 3, 4)] == [True, False, True, False]
    assert [found.erased(f"n{n}") for n in (1, 2, 3, 4)] == [False, False, True, False]
    assert (asked.asked[0].action, asked.asked[0].subjects) == (Action.SEARCH, ())


async def test_a_search_without_records_asks_about_the_client() -> None:
    asked = gate(answer())
    await open_many(asked, CALL, [], client_id="c")
    assert (asked.asked[0].records, asked.asked[0].subjects) == ((), ("c",))


async def test_a_client_whom_one_may_not_know_is_not_found() -> None:
    nothing = answer(outcome(permit=False, may_know=False), permit=False)
    with pytest.raises(Problem) as told:
        await open_many(gate(nothing), CALL, [ref()], client_id="c")
    assert told.value.status == 404
    for known in (answer(permit=False, may_know=True), answer(outcome(permit=False), permit=False)):
        assert not (await open_many(gate(known), CALL, [ref()], client_id="c")).permitted("n1")


async def test_what_must_go_with_a_record() -> None:
    code = next(iter(NOTICES))
    obligations = (
        Obligation(record_id="n1", code="redact", args=("b", "a")),
        Obligation(record_id="n1", code="redact", args=("a",)),
        Obligation(record_id="n2", code="redact", args=("c",)),
        Obligation(record_id="n1", code="notice", args=(code,)),
        Obligation(record_id="n1", code="consent-scope", args=("id", "all notes")),
    )
    view = ReleaseView(therapist=ReleaseAudience.IMMEDIATE, supervisor=ReleaseAudience.WITHHELD)
    found = opened(answer(outcome(), obligations=obligations, ratings=Ratings.SHOWN, release=view))
    assert found.redactions("n1") == ["a", "b"] and found.redactions("n3") == []
    assert found.notices("n1") == [
        {"code": code, "text": NOTICES[code]},
        {"code": "consent-scope", "text": "all notes"},
    ]
    assert found.notices("n2") == [] and (found.ratings, found.release) == (Ratings.SHOWN, view)
    assert opened(answer(entries=())).headers == {}


async def test_an_export_is_asked_part_by_part() -> None:
    left_out = Exclusion(record_type=RecordType.CONSENT, reach=Reach.ALL, rule="r", citation="c", text="t")
    wanted = [ref(n) for n in range(MAX_RECORDS + 1)]
    obligation = Obligation(record_id="n0", code="redact", args=("x",))
    asked = gate(
        answer(exclusions=(left_out,), entries=(1,)),
        answer(outcome(0), entries=(2,), keys=(key(0),), obligations=(obligation,)),
        answer(outcome(MAX_RECORDS), entries=(3,), keys=(key(MAX_RECORDS),)),
    )
    told: list[Any] = []

    async def records(exclusions: Sequence[Exclusion]) -> Sequence[RecordRef]:
        told.append(exclusions)
        return wanted

    found, exclusions = await open_export(asked, CALL, "c", "thumb", records)
    assert told == [(left_out,)] and exclusions == (left_out,) and found.entries == (1, 2, 3)
    assert set(found.keys) == {"n0", f"n{MAX_RECORDS}"} == set(found.outcomes) and found.obligations == (obligation,)
    assert [(r.subjects, len(r.records), r.sealed_for, r.action) for r in asked.asked] == [
        (("c",), 0, "thumb", Action.EXPORT),
        ((), MAX_RECORDS, "thumb", Action.EXPORT),
        ((), 1, "thumb", Action.EXPORT),
    ]


@pytest.mark.parametrize(("may_know", "status"), [(True, 403), (False, 404)])
async def test_no_export_for_whom_it_is_not(may_know: bool, status: int) -> None:
    async def never(_: Sequence[Exclusion]) -> Sequence[RecordRef]:
        raise AssertionError("nothing is looked up before it is known that there may be an export")

    with pytest.raises(Problem) as told:
        await open_export(gate(answer(permit=False, may_know=may_know)), CALL, "c", "thumb", never)
    assert (told.value.status, told.value.headers["Audit-Entry"]) == (status, "7")


def test_what_is_away_is_said_in_words() -> None:
    assert set(AWAY_IN_WORDS) == set(Away)
    for why in Away:
        problem = GateUnavailable("", why).problem()
        assert (problem.status, problem.reason, problem.detail) == (503, str(why), AWAY_IN_WORDS[why])
    assert GateUnavailable().why is Away.OTHER
