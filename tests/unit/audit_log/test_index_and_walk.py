"""The index and the walk over a fixed, large and varied set of policies: they must say the same (see tests/property for more)."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.audit_log.decision.domain.policy import ClientPolicy
from services.audit_log.decision.domain.rules.asked import Asked
from services.audit_log.decision.domain.rules.dialects import Says
from services.audit_log.decision.domain.rules.packs import US_FEDERAL
from services.audit_log.decision.domain.rules.walk import walk
from shared.contracts.consent_policy import ConsentKind, ConsentSet, ConsentStatus, Period, Policy, Provision
from shared.contracts.records import KeyClass
from tests.unit.audit_log.asking import CLIENT, DAY, NOW

SUBS, ROLES = ("a", "b", "c"), ("therapist", "supervisor", "ehr_system")
PURPOSES, ACTIONS = ("TREAT", "TRAIN", "HLEGAL"), ("read", "search", "export")
RESOURCES, LABELS = ("progress_note", "DocumentReference", "Observation"), ("SUD", "OPIOIDUD", "HIV", "R", "REDACT")


class Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311

    def some(self, values: tuple[str, ...], share: float = 0.35) -> tuple[str, ...]:
        return tuple(self.rng.sample(values, self.rng.choice((1, 1, 2)))) if self.rng.random() < share else ()

    def period(self) -> Period | None:
        if self.rng.random() < 0.8:
            return None
        start = NOW + self.rng.randint(-3, 1) * DAY
        return Period(start=start, end=self.rng.choice((None, start + DAY, start + 3 * DAY)))

    def provision(self, depth: int = 0) -> Provision:
        children = self.rng.choice((0, 0, 0, 1, 2)) if depth < 3 else 0
        return Provision(
            type=self.rng.choice(("permit", "deny")),
            actors=self.some(SUBS),
            roles=self.some(ROLES),
            purposes=self.some(PURPOSES),
            actions=self.some(ACTIONS),
            resource_types=self.some(RESOURCES, 0.2),
            labels=("SUD", "REDACT") if self.rng.random() < 0.12 else self.some(LABELS, 0.25),
            period=self.period(),
            data_period=self.period(),
            provisions=tuple(self.provision(depth + 1) for _ in range(children)),
        )

    def consent(self, n: int) -> ConsentSet:
        rng = self.rng
        start = NOW - rng.randint(-1, 5) * DAY
        return ConsentSet(
            consent_id=UUID(int=n + 1),
            client_id=UUID(CLIENT),
            kind=rng.choice(list(ConsentKind)),
            status=rng.choice((ConsentStatus.ACTIVE,) * 6 + (ConsentStatus.REVOKED,)),
            policy=Policy(
                base=rng.choice(("permit", "permit", "deny", "silent")),
                dialect=rng.choice(("r4", "r4", "pcf", "r5")),
                combining=rng.choice(("deny-overrides", "deny-overrides", "most-recent")),
                provisions=tuple(self.provision() for _ in range(rng.randint(0, 3))),
            ),
            period=Period(start=start, end=rng.choice((None, None, start + 3 * DAY))),
            covers=("progress_note", "psychotherapy_note", "measures"),
            revoked_recipients=self.some(SUBS, 0.1),
            at=NOW - timedelta(minutes=rng.randint(1, 9)),
        )

    def policy(self) -> ClientPolicy:
        consents = tuple(self.consent(n) for n in range(self.rng.randint(0, 4)))
        given_at: dict[Any, Any] = {c.consent_id: NOW - timedelta(hours=self.rng.randint(1, 9)) for c in consents[::2]}
        return ClientPolicy(consents, given_at=given_at)

    def asked(self) -> Asked:
        rng = self.rng
        roles = frozenset(r for r in ROLES if rng.random() < 0.3)
        return Asked(
            sub=rng.choice(SUBS),
            roles=roles,
            related=bool(roles - {"ehr_system"}),
            purpose=rng.choice(PURPOSES),
            action=rng.choice(ACTIONS),
            resource=frozenset({"progress_note", "documentreference"}),
            labels=frozenset(label for label in ("SUD", "OPIOIDUD", "HIV", "V", "42CFRPart2CN") if rng.random() < 0.3),
            dated=NOW - rng.randint(0, 4) * DAY,
            now=NOW + rng.randint(-1, 2) * DAY,
            cared_on=rng.choice((None, (NOW - rng.randint(0, 4) * DAY).date())),
        )


@pytest.mark.parametrize("seed", range(16))
def test_they_say_the_same(seed: int) -> None:
    maker = Maker(seed)
    for _ in range(12):
        policy = maker.policy()
        for _ in range(8):
            asked = maker.asked()
            key_class = maker.rng.choice((KeyClass.PROGRESS_NOTE, KeyClass.PROGRESS_NOTE, KeyClass.PSYCHOTHERAPY_NOTE))
            limits = US_FEDERAL.limits_on(asked.labels)
            heard, seen = walk(policy, asked, key_class, limits)
            indexed = policy.index.consult(asked, key_class, limits)
            assert (indexed.says, set(indexed.basis), indexed.redact) == (heard.says, set(heard.basis), heard.redact)
            assert {s.consent.consent_id for s in seen if s.won} == {c.consent_id for c in indexed.consents}
            assert all(s.why for s in seen)


def test_every_answer_occurs() -> None:
    """Else the comparison above would be one of silence with silence."""
    maker, found = Maker(99), dict.fromkeys((Says.PERMIT, Says.DENY, Says.REDACT, Says.NOTHING), 0)
    for _ in range(2500):
        asked = maker.asked()
        heard = maker.policy().index.consult(asked, KeyClass.PROGRESS_NOTE, US_FEDERAL.limits_on(asked.labels))
        found[heard.says] += 1
        found[Says.REDACT] += bool(heard.redact)
    assert min(found.values()) > 20, found
