"""Why a command is refused. Messages are for the caller: what to do next, never a word of what was entered."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FormFault:
    """One thing that is wrong with what was sent."""

    pointer: str
    """JSON pointer (RFC 6901) into the body"""
    detail: str


class ConsentError(Exception):
    """Base of the errors here."""


class InvalidForm(ConsentError):
    """The form itself cannot stand, whatever the state."""

    def __init__(self, faults: Sequence[FormFault]) -> None:
        super().__init__("the form is not valid")
        self.faults = tuple(faults)


class NotAllowed(ConsentError):
    """This person may not do this, whatever the state."""


class NotNow(ConsentError):
    """The present state does not allow it."""
