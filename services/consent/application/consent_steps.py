"""Several commands on one consent as one write: each decided on what those before it left, all of it written or nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.consent.domain.consent import Consent, Revoke, fold
from services.consent.domain.events import RevocationReasonGiven
from services.consent.domain.life import Command, Expire, RevokeRecipient, decide
from shared.contracts.disclosure import Action
from shared.gate.ask import Opened
from shared.http.conditional import Expected
from shared.http.idempotency import Answer
from shared.http.problems import conflict
from shared.sealing.event import Event


@dataclass(frozen=True, slots=True)
class Changed:
    """What one command did."""

    answer: Answer
    sequence: int | None
    """policy sequence of the change; None where no decision can come out differently"""
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a write, and what the gate opened for it. All steps of a write are one transaction."""

    opened: Opened
    command_at: Callable[[datetime], Command]


@dataclass(frozen=True, slots=True)
class Then:
    """A second command on a consent that is about to be proposed or amended, in the same transaction."""

    action: Action
    """what the gate is asked for it"""
    command_at: Callable[[datetime], Command]


@dataclass(frozen=True, slots=True)
class Decided:
    after: Consent
    events: list[list[Event]]
    """of each step"""
    command: Command
    """the last one"""


def decided(
    state: Consent, steps: Sequence[Step], now: datetime, also: Callable[[], Sequence[Event]], expected: Expected | None
) -> Decided:
    """Every step decided on what those before it left. `also` goes with the first."""
    after, found, command = state, [], steps[0].command_at(now)
    for number, step in enumerate(steps):
        command = step.command_at(now) if number else command
        events = decide(after, command)
        if number == 0 and expected is not None:
            expected.check(state.version)
        if step.opened.erased(state.consent_id):
            events = without_words(command, events)
        events = [*events, *also()] if number == 0 else events
        after = after_events(after, events)
        found.append(events)
    return Decided(after, found, command)


def after_events(state: Consent | None, events: list[Event]) -> Consent:
    after = fold(state, events)
    assert after is not None
    return after


def without_words(command: Command, events: list[Event]) -> list[Event]:
    """What can still be done once the words of a consent were erased: it can be revoked, and no new words are kept."""
    if not isinstance(command, Revoke | RevokeRecipient | Expire):
        raise conflict("The words of this consent were erased: it can still be revoked, and nothing else.")
    return [e for e in events if not isinstance(e, RevocationReasonGiven)]
