"""Refusals become the right problems; settings are checked; without its parts the service does not start."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from services.session_notes.bootstrap import build
from services.session_notes.desk.application.downtime import Bounds
from services.session_notes.desk.application.errors import answered
from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.desk.domain.refusals import Flaw, NotTheAuthor, Refused, Unfit, WrongState
from services.session_notes.settings import Settings
from shared.contracts.records import ServiceName
from shared.http.problems import Problem
from shared.identity.service_keys import ServiceKeys
from shared.messaging.signature import EventSigner
from shared.service import clock
from shared.service.parts import Parts, Unwired


@pytest.mark.parametrize(
    ("refusal", "kind", "status"),
    [
        (Unfit([Flaw("/x", "y")]), NoteKind.PROGRESS, 422),
        (WrongState("z"), NoteKind.PROGRESS, 409),
        (NotTheAuthor("z"), NoteKind.PROGRESS, 403),
        (NotTheAuthor("z"), NoteKind.PSYCHOTHERAPY, 404),
    ],
)
def test_refusals_as_problems(refusal: Refused, kind: NoteKind, status: int) -> None:
    with pytest.raises(Problem) as problem, answered(kind=kind):
        raise refusal
    assert problem.value.status == status
    assert [(f.pointer, f.detail) for f in problem.value.errors] == ([("/x", "y")] if status == 422 else [])


def test_settings() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"MAX_NOTE_BYTES": "4096"}).max_note_bytes == 4096
    assert Settings.from_environment({}).downtime == Bounds()
    away = {"DOWNTIME_AFTER_SECONDS": "0", "DOWNTIME_HOURS": "1", "DOWNTIME_NOTES": "2", "DOWNTIME_NOTES_OF_ONE_AUTHOR": "1"}
    assert Settings.from_environment(away).downtime == Bounds(after_seconds=0, hours=1, notes=2, of_one_author=1)
    with pytest.raises(ValueError, match="DOWNTIME_HOURS"):
        Settings.from_environment({"DOWNTIME_HOURS": "always"})
    for value in ("", "0", "-1", "1e6", "\u0663"):
        with pytest.raises(ValueError, match="MAX_NOTE_BYTES"):
            Settings.from_environment({"MAX_NOTE_BYTES": value})


def test_unwired_it_does_not_start() -> None:
    unused: Any = None
    parts = Parts(
        database=None,
        transport=unused,
        signer=EventSigner(ServiceKeys.from_seed(ServiceName.SESSION_NOTES, bytes(32))),
        verifier=unused,
        tokens=unused,
        gate=None,
        now=clock.now,
        new_id=uuid4,
        random=clock.random,
        public_url="http://127.0.0.1:8100",
        secret=bytes(32),
    )
    gate: Any = object()
    with pytest.raises(Unwired, match="gate"):
        build(parts)
    with pytest.raises(Unwired, match="database"):
        build(replace(parts, gate=gate))
