"""The decider of erasures: given events, when a command, then events or a refusal."""

from datetime import UTC, datetime
from functools import reduce
from uuid import UUID

import pytest

from services.audit_log.erasure.domain.erasure import (
    HOLDERS,
    Acknowledge,
    Approve,
    Command,
    Destroyed,
    Erasure,
    ErasureError,
    ErasureStatus,
    Fenced,
    Finality,
    Hold,
    MakeFinal,
    NoSuchErasure,
    NotAwaiting,
    OutOfOrder,
    OwnRequest,
    Request,
    decide,
    evolve,
)
from services.audit_log.erasure.domain.events import (
    ErasureAnswered,
    ErasureApproved,
    ErasureCompleted,
    ErasureEvent,
    ErasureFenced,
    ErasureKeysDestroyed,
    ErasureMadeFinal,
    ErasureRefused,
    ErasureRequested,
    Refused,
)
from services.audit_log.erasure.domain.holds import HoldPlaced, HoldReleased, standing
from shared.contracts.records import KeyClass, ServiceName

ID, CLIENT, AT = UUID(int=1), UUID(int=2), datetime(2026, 3, 1, tzinfo=UTC)
CLASSES = (KeyClass.PROGRESS_NOTE, KeyClass.MEASURES)
BASIS = "GDPR 17(1)(b)"

REQUESTED = ErasureRequested(client_id=CLIENT, erasure_id=ID, at=AT, key_classes=CLASSES, basis=BASIS, requested_by="officer-ada")
APPROVED = ErasureApproved(client_id=CLIENT, erasure_id=ID, at=AT, approved_by="officer-ben")
FENCED = ErasureFenced(client_id=CLIENT, erasure_id=ID, at=AT)
DESTROYED = ErasureKeysDestroyed(client_id=CLIENT, erasure_id=ID, at=AT, kids=("k_1",))
REFUSED = ErasureRefused(client_id=CLIENT, erasure_id=ID, at=AT, reason=Refused.LEGAL_HOLD)
COMPLETED = ErasureCompleted(client_id=CLIENT, erasure_id=ID, at=AT)
FINAL = ErasureMadeFinal(client_id=CLIENT, erasure_id=ID, at=AT)
REQUEST = Request(ID, CLIENT, CLASSES, BASIS, "officer-ada")


def answered(service: ServiceName) -> ErasureAnswered:
    return ErasureAnswered(client_id=CLIENT, erasure_id=ID, at=AT, service=service)


RUNNING: list[ErasureEvent] = [REQUESTED, APPROVED, FENCED, DESTROYED]
ALL_ANSWERED: list[ErasureEvent] = [*RUNNING, *(answered(s) for s in sorted(HOLDERS)), COMPLETED]


def state(*given: ErasureEvent) -> Erasure:
    return reduce(evolve, given, Erasure())


def when(given: list[ErasureEvent], command: Command) -> list[ErasureEvent]:
    return decide(state(*given), command, AT)


def test_a_request_awaits_approval() -> None:
    assert when([], REQUEST) == [REQUESTED]
    assert state(REQUESTED).status is ErasureStatus.AWAITING
    assert not state(REQUESTED).due and state(REQUESTED).finality is None


def test_a_class_named_twice_counts_once() -> None:
    twice = Request(ID, CLIENT, (*CLASSES, *CLASSES), BASIS, "officer-ada")
    assert when([], twice) == [REQUESTED]


def test_a_request_names_a_class() -> None:
    with pytest.raises(ValueError, match="key class"):
        when([], Request(ID, CLIENT, (), BASIS, "officer-ada"))


def test_a_request_under_a_legal_hold_is_refused_and_on_record() -> None:
    held = Request(ID, CLIENT, CLASSES, BASIS, "officer-ada", held=True)
    assert when([], held) == [REQUESTED, REFUSED]
    assert state(REQUESTED, REFUSED).status is ErasureStatus.REFUSED
    assert state(REQUESTED, REFUSED).refused_because is Refused.LEGAL_HOLD


def test_another_officer_approves() -> None:
    assert when([REQUESTED], Approve("officer-ben")) == [APPROVED]
    assert state(REQUESTED, APPROVED).status is ErasureStatus.RUNNING
    assert state(REQUESTED, APPROVED).due


def test_nobody_approves_their_own_request() -> None:
    tries: list[list[ErasureEvent]] = [[REQUESTED], [REQUESTED, APPROVED], [REQUESTED, REFUSED]]
    for given in tries:
        with pytest.raises(OwnRequest):
            when(given, Approve("officer-ada"))


@pytest.mark.parametrize("given", [[REQUESTED, APPROVED], RUNNING, ALL_ANSWERED, [REQUESTED, REFUSED]])
def test_an_approval_counts_once(given: list[ErasureEvent]) -> None:
    with pytest.raises(NotAwaiting):
        when(given, Approve("officer-eve"))


def test_a_hold_placed_before_the_approval_refuses_it() -> None:
    assert when([REQUESTED], Approve("officer-ben", held=True)) == [REFUSED]


def test_a_hold_found_before_the_fence_refuses_it() -> None:
    assert when([REQUESTED, APPROVED], Hold()) == [REFUSED]
    assert not state(REQUESTED, APPROVED, REFUSED).due


def test_from_the_fence_on_no_hold_stops_it() -> None:
    with pytest.raises(OutOfOrder):
        when([REQUESTED, APPROVED, FENCED], Hold())


def test_fence_then_destroy() -> None:
    assert when([REQUESTED, APPROVED], Fenced()) == [FENCED]
    assert when([REQUESTED, APPROVED, FENCED], Destroyed(("k_1",))) == [DESTROYED]
    with pytest.raises(OutOfOrder):
        when([REQUESTED, APPROVED], Destroyed(("k_1",)))
    assert not state(*RUNNING).due
    assert state(*RUNNING).finality is Finality.LOGICAL


def test_steps_taken_twice_are_told_once() -> None:
    assert when([REQUESTED, APPROVED, FENCED], Fenced()) == []
    assert when(RUNNING, Destroyed(("k_1",))) == []
    assert when([*RUNNING, answered(ServiceName.CONSENT)], Acknowledge(ServiceName.CONSENT)) == []
    assert when([*ALL_ANSWERED, FINAL], MakeFinal()) == []


def test_it_is_complete_when_every_holder_has_acknowledged() -> None:
    given: list[ErasureEvent] = list(RUNNING)
    holders = sorted(HOLDERS)
    for service in holders[:-1]:
        events = when(given, Acknowledge(service))
        assert events == [answered(service)]
        given += events
    assert when(given, Acknowledge(holders[-1])) == [answered(holders[-1]), COMPLETED]
    assert state(*ALL_ANSWERED).status is ErasureStatus.COMPLETED
    assert set(state(*ALL_ANSWERED).acknowledged_by) == HOLDERS


@pytest.mark.parametrize("service", [ServiceName.AUDIT_LOG, ServiceName.EHR_GATEWAY])
def test_who_holds_nothing_acknowledges_nothing(service: ServiceName) -> None:
    with pytest.raises(OutOfOrder):
        when(RUNNING, Acknowledge(service))


@pytest.mark.parametrize("given", [[REQUESTED], [REQUESTED, APPROVED], [REQUESTED, APPROVED, FENCED], [REQUESTED, REFUSED]])
def test_nothing_is_acknowledged_before_it_is_destroyed(given: list[ErasureEvent]) -> None:
    with pytest.raises(OutOfOrder):
        when(given, Acknowledge(ServiceName.CONSENT))


def test_final_comes_after_completed() -> None:
    with pytest.raises(OutOfOrder):
        when(RUNNING, MakeFinal())
    assert when(ALL_ANSWERED, MakeFinal()) == [FINAL]
    assert state(*ALL_ANSWERED).finality is Finality.LOGICAL
    assert state(*ALL_ANSWERED, FINAL).finality is Finality.FINAL


@pytest.mark.parametrize(
    "command", [Approve("officer-ben"), Fenced(), Destroyed(()), Acknowledge(ServiceName.CONSENT), MakeFinal(), Hold()]
)
def test_there_is_nothing_before_the_request(command: Command) -> None:
    with pytest.raises(NoSuchErasure):
        when([], command)


@pytest.mark.parametrize("command", [Fenced(), Destroyed(())])
def test_nothing_is_done_without_an_approval(command: Command) -> None:
    tries: list[list[ErasureEvent]] = [[REQUESTED], [REQUESTED, REFUSED]]
    for given in tries:
        with pytest.raises(ErasureError):
            when(given, command)


def test_holds_stand_until_each_is_released() -> None:
    one = HoldPlaced(client_id=CLIENT, hold_id=UUID(int=7), basis="court order", placed_by="officer-ada", at=AT)
    two = HoldPlaced(client_id=CLIENT, hold_id=UUID(int=8), basis="complaint", placed_by="officer-ada", at=AT)
    end = HoldReleased(client_id=CLIENT, hold_id=UUID(int=7), released_by="officer-ben", at=AT)
    assert standing([]) == {}
    assert set(standing([one, two])) == {one.hold_id, two.hold_id}
    assert set(standing([one, two, end])) == {two.hold_id}
