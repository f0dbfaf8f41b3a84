"""The ledger's state in words: what is signed, who co-signed and how far behind, what was recomputed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.audit_log.ledger.domain.checkpoint import Checkpoint
from services.audit_log.ledger.domain.cosignature import Standing
from services.audit_log.officers.domain.ledger_state import LedgerState, Mood, Verified, ago

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHECKPOINT = Checkpoint("log.example/practice", 41, bytes(32))


def standing(name: str, size: int | None, seconds_ago: int = 0, fault: str | None = None) -> Standing:
    at = None if size is None else NOW - timedelta(seconds=seconds_ago)
    return Standing(name, "https://w.example", size, 41 - (size or 0), at, None, fault)


def state(*witnesses: Standing, checkpoint: Checkpoint | None = CHECKPOINT) -> LedgerState:
    return LedgerState(42, checkpoint, witnesses, None, None, NOW)


def moods(s: LedgerState) -> Sequence[Mood]:
    return [mood for _, _, mood in s.lines()]


def said(s: LedgerState) -> str:
    return " ".join(text for _, text, _ in s.lines())


def test_what_is_signed_and_what_waits() -> None:
    assert state().waiting == 1 and "signs 41 entries; 1 newer one follows within" in said(state())
    assert "2 newer ones follow within" in said(replace(state(), entries=43))
    assert "Nothing is signed yet" in said(state(checkpoint=None))


def test_witnesses_and_how_far_behind_they_are() -> None:
    assert "No witness has co-signed" in said(state())
    whole = state(standing("w1", 41, 90))
    assert "w1 co-signed all of them, 1 minute ago." in said(whole) and moods(whole)[2] is Mood.GOOD
    busy = state(standing("w1", 38, 2), standing("w2", 41, 7_200))
    assert "w1 co-signed 38, 2 seconds ago, and is 3 behind; w2 co-signed all of them, 2 hours ago." in said(busy)
    assert moods(busy)[2] is Mood.GOOD, "a log that grew a moment ago is witnessed all the same"
    assert moods(state(standing("w1", 38, 7_200)))[2] is Mood.LOOK


def test_a_witness_that_does_not_answer_is_told() -> None:
    away = "it does not answer: TimeoutError"
    silent = state(standing("w1", None, fault=away))
    assert f"only this deployment itself vouches for the log. w1: {away}." in said(silent) and moods(silent)[2] is Mood.LOOK
    one = state(standing("w1", None, fault=away), standing("w2", 41))
    assert f"w1 has not co-signed yet ({away}); w2 co-signed all of them" in said(one) and moods(one)[2] is Mood.LOOK


def test_a_verification_that_did_not_agree_and_a_refused_log_are_told() -> None:
    good = replace(state(), verified=Verified(NOW - timedelta(hours=3), "R. Ilves", 41, None))
    assert "3 hours ago, by R. Ilves: all 41 entries agree" in said(good) and moods(good)[3] is Mood.GOOD
    bad = replace(good, verified=Verified(NOW, "R. Ilves", 41, "edited"))
    assert "did not agree (edited)" in said(bad) and moods(bad)[3] is Mood.BAD
    assert moods(replace(state(), refused="the anchor is ahead"))[0] is Mood.BAD


def test_ago() -> None:
    assert [ago(timedelta(seconds=s)) for s in (-5, 1, 61, 7_300, 200_000)] == [
        "0 seconds",
        "1 second",
        "1 minute",
        "2 hours",
        "2 days",
    ]
