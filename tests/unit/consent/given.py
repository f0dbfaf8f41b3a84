"""Given / when / then for the deciders, and forms that are complete until a test takes something away."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.consent.domain.consent import Consent, Form, Propose, Sign, decide, evolve
from services.consent.domain.elements import required
from services.consent.domain.events import Grantor
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.policies import GivenPolicy
from shared.contracts.consent_policy import ConsentKind
from shared.identity.roles import Role
from shared.sealing.event import Event

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
CONSENT_ID = UUID("00000000-0000-4000-8000-000000000001")
CLIENT_ID = UUID("00000000-0000-4000-8000-00000000000c")

WORDS = {
    "explained_by": "Dr. Lena Marsh",
    "explained_on": "2026-03-02",
    "nature": "Weekly sessions of fifty minutes.",
    "risks": "Strong feelings may come up.",
    "alternatives": "Group therapy, or waiting.",
    "limits_of_confidentiality": "Serious and imminent danger; a court order.",
    "description": "progress notes",
    "discloser": "The practice",
    "recipient": "Dr. Okoye",
    "purpose": "Continuing care",
    "expiry": "end of treatment",
    "right_to_revoke": "at any time, in writing",
    "conditioning": "treatment does not depend on it",
    "redisclosure": "may be passed on by the recipient",
}


def form(kind: ConsentKind = ConsentKind.TREATMENT, **changes: Any) -> Form:
    complete = Form(
        client_id=CLIENT_ID,
        kind=kind,
        grantor=Grantor(role="client", name="Noor Haddad"),
        policy=GivenPolicy(base="permit"),
        period=GivenPeriod(start="2026-01-01"),
        elements={name: WORDS[name] for name in required(kind)},
    )
    return replace(complete, **changes)


def propose(filled: Form) -> list[Event]:
    return decide(None, Propose(CONSENT_ID, filled, "intake-1", NOW))


def given(events: Sequence[Event]) -> Consent:
    state: Consent | None = None
    for event in events:
        state = evolve(state, event)
    assert state is not None
    return state


def proposed(filled: Form | None = None) -> Consent:
    return given(propose(filled or form()))


def signed(filled: Form | None = None, role: Role = Role.CLIENT) -> Consent:
    events = propose(filled or form())
    return given([*events, *decide(given(events), Sign("noor", role, NOW))])
