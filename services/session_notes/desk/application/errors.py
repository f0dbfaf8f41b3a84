"""Refusals of the domain as the problems that a caller sees."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.desk.domain.refusals import NotTheAuthor, Unfit, WrongState
from shared.http.problems import Fault, Problem, conflict, forbidden, invalid, not_found


@contextmanager
def answered(*, kind: NoteKind = NoteKind.PROGRESS) -> Iterator[None]:
    """Unfit → 422, WrongState → 409, NotTheAuthor → 403, but 404 for a psychotherapy note: only its author may know of it."""
    try:
        yield
    except Unfit as refusal:
        raise invalid([Fault(flaw.pointer, flaw.detail) for flaw in refusal.flaws]) from None
    except NotTheAuthor as refusal:
        raise (not_found() if kind is NoteKind.PSYCHOTHERAPY else forbidden(str(refusal))) from None
    except WrongState as refusal:
        raise conflict(str(refusal)) from None


def erased() -> Problem:
    """For a write to a record whose key was destroyed."""
    return conflict("This record was erased: nothing can be added to it.")
