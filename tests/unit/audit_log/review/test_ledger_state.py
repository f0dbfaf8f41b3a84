"""The ledger's state in words: what is signed, who co-signed and how long ago, what was recomputed."""

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.audit_log.domain.checkpoint import Checkpoint
from services.audit_log.domain.note import Ed25519Signer
from services.audit_log.review.domain.ledger_state import LedgerState, Mood, Verified, ago, read_note

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNER = Ed25519Signer("log.example/practice", bytes(32))
NOTE = Checkpoint("log.example/practice", 41, bytes(32)).sign(SIGNER)


def cosigned(seconds_ago: int) -> bytes:
    blob = b"wit!" + int((NOW - timedelta(seconds=seconds_ago)).timestamp()).to_bytes(8, "big") + bytes(64)
    return NOTE + f"\u2014 witness.example {b64encode(blob).decode()}\n".encode()


def state(note: bytes | None = NOTE) -> LedgerState:
    checkpoint, cosignatures = read_note(note)
    return LedgerState(42, checkpoint, cosignatures, None, None, NOW)


def moods(s: LedgerState) -> list[Mood]:
    return [mood for _, _, mood in s.lines()]


def said(s: LedgerState) -> str:
    return " ".join(text for _, text, _ in s.lines())


def test_what_is_signed_and_what_waits() -> None:
    assert state().waiting == 1 and "signs 41 entries; 1 newer" in said(state())
    assert "Nothing is signed yet" in said(state(None)) and "Nothing is signed yet" in said(state(b"no note"))


def test_witnesses_and_their_lag() -> None:
    assert "No witness has co-signed" in said(state())
    fresh = state(cosigned(90))
    assert fresh.cosignatures[0].witness == "witness.example" and "1 minute old" in said(fresh)
    assert moods(fresh)[2] is Mood.GOOD and moods(state(cosigned(7_200)))[2] is Mood.LOOK


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
