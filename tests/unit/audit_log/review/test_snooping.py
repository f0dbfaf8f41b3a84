"""Explanations first: every planted case is left as a question, and nearly all ordinary accesses explain themselves."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from services.audit_log.officers.domain.explanations import Ground, Judged, Mark, judge
from services.audit_log.officers.domain.questions import SENTENCES, sentences
from tests.unit.audit_log.review.practice import EXTRA, KINDS, Case, Practice, planted

ORDINARY_EXPLAINED = 0.94


def judged(case: Case) -> Judged:
    return judge(case.access, case.known, burst=case.burst, rare_hour=case.rare_hour, searched=case.searched)


def _found(ordinary: int, seed: int) -> None:
    practice = Practice(seed, clients=min(2_000, max(200, ordinary // 50)))
    missed = Counter(case.kind for case in planted(practice, 5) if judged(case).explanation is not None)
    assert missed == Counter(), "planted accesses that were explained away"
    grounds = Counter(e.ground if (e := judged(c).explanation) else None for c in practice.ordinary(ordinary))
    explained = 1 - grounds[None] / ordinary
    assert explained >= ORDINARY_EXPLAINED, grounds
    assert {Ground.SESSION, Ground.TREATMENT, Ground.SUPERVISION, Ground.OWN_RECORD, Ground.OFFICE} <= set(grounds)
    assert grounds[None] > 0, "the practice has accesses that nothing explains: else the share says nothing"


@pytest.mark.parametrize("seed", range(3))
def test_planted_cases_are_found_among_ordinary_ones(seed: int) -> None:
    _found(4_000, seed)


@pytest.mark.long
def test_planted_cases_are_found_among_a_hundred_thousand() -> None:
    _found(100_000, 11)


@pytest.mark.parametrize("kind", [*KINDS, *EXTRA])
def test_each_kind_says_something_that_a_person_can_ask_about(kind: str) -> None:
    practice = Practice(5, clients=40)
    case = (KINDS | EXTRA)[kind](practice, practice.clients[0])
    found = judged(case)
    assert found.explanation is None and sentences(found.marks)


def test_every_mark_has_a_careful_sentence() -> None:
    assert set(SENTENCES) == set(Mark)
    for text in SENTENCES.values():
        assert not {"snoop", "guilty", "illegal", "violat", "abuse", "suspicious"} & set(text.lower().split())


def test_work_written_later_explains_what_was_a_question() -> None:
    practice = Practice(5, clients=40)
    case = KINDS["no relationship"](practice, practice.clients[0])
    session = replace(case.known.work[-1], author=case.access.agent, record_type="session", at=case.access.at + timedelta(days=3))
    later = replace(case, known=replace(case.known, work=(*case.known.work, session)))
    explained = judged(later).explanation
    assert judged(case).explanation is None
    assert explained is not None and explained.ground is Ground.SESSION


def test_a_grant_found_justified_explains_its_uses() -> None:
    practice = Practice(5, clients=40)
    case = KINDS["break-glass that nobody answered for"](practice, practice.clients[0])
    assert Mark.GRANT_OPEN in judged(case).marks
    answered = replace(case, known=replace(case.known, answered_grants=frozenset({"g-1"})))
    explained = judged(answered).explanation
    assert explained is not None and explained.ground is Ground.EMERGENCY
