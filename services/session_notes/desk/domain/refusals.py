"""Why a command is refused. Messages tell what to do next and never quote what was written."""

from collections.abc import Sequence
from typing import NamedTuple


class Flaw(NamedTuple):
    """One thing that is wrong with the input."""

    pointer: str
    """JSON pointer (RFC 6901) into the body"""
    detail: str


class Refused(Exception):
    """Base of all refusals of this domain."""


class Unfit(Refused):
    """The input breaks rules of the field; every flaw is listed."""

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        super().__init__("the input breaks rules of the record")
        self.flaws = tuple(flaws)


class WrongState(Refused):
    """The record is not in a state that allows this."""


class NotTheAuthor(Refused):
    """Only the author of a note may do this."""


def refuse_any(flaws: Sequence[Flaw]) -> None:
    """Unfit where there is any flaw."""
    if flaws:
        raise Unfit(flaws)
