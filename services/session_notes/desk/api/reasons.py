"""Bodies that say why."""

from typing import Annotated

from shared.entry.text import Lines
from shared.http.body import Body

Reason = Annotated[str, Lines(2_000)]


class InErrorBody(Body):
    reason: Reason
    """why it should not have been written; it is sealed with the record"""


class ReturnBody(Body):
    reason: Reason
    """what the author is asked to add; it is sealed with the note"""
