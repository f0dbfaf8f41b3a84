"""What sealing asks of a key. The contracts say which classes there are (`shared.contracts.records.KeyClass`)."""

from enum import StrEnum
from typing import Protocol


class ContentClass(StrEnum):
    """Base of the enumeration of key classes: the kinds of content of which each has a key of its own."""


class SealingKey(Protocol):
    """The key of one record."""

    @property
    def record_id(self) -> str: ...

    @property
    def key_class(self) -> ContentClass: ...

    @property
    def kid(self) -> str: ...

    @property
    def key(self) -> bytes:
        """32 bytes, for this record alone; never stored, never logged"""
