"""The KMS: it holds the key-encryption keys, in numbered epochs, and never hands one out."""

import re
from enum import StrEnum
from typing import Final, Protocol

from services.audit_log.ledger.application.ports import KeyringUnavailable

_BLOB: Final = re.compile(rb"[a-z]+:v(\d{1,9}):")


class KmsUnavailable(KeyringUnavailable):
    """The KMS does not answer, or not to this token: nothing can be opened until it does."""


class AnswerLost(KmsUnavailable):
    """The request went out and no answer came back: the KMS may have done it, and its own log may say so."""


class CannotUnwrap(KeyringUnavailable):
    """The KMS refuses this blob: another context, a changed byte, or its epoch is destroyed (a restored backup?)."""


class Operation(StrEnum):
    """What is done with a key-encryption key, and written into the KMS's own audit log."""

    WRAP = "wrap"
    UNWRAP = "unwrap"
    REWRAP = "rewrap"


class CallBook(Protocol):
    """Where each call is noted before its answer is used, to be compared with the KMS's own audit log."""

    async def note(self, operation: Operation, context: bytes, request_id: str | None) -> None:
        """`request_id` is the KMS's own; None where its answer was lost. KeyringUnavailable: then the answer is not used."""


class NoBook:
    """For who has none: an operator's single command, and the file provider, which has no log of its own."""

    async def note(self, operation: Operation, context: bytes, request_id: str | None) -> None:
        """Nothing is noted."""


class Kms(Protocol):
    """`context` binds a blob to its place. All methods raise KmsUnavailable."""

    def follow(self, book: CallBook) -> None:
        """From here on each wrap, unwrap and rewrap is noted there. A provider without a log of its own has nothing to note."""

    async def open(self) -> None:
        """Ready to be asked; keeps its own credentials alive from here on. Does not wait for a KMS that is down."""

    async def close(self) -> None: ...

    async def wrap(self, plaintext: bytes, context: bytes) -> bytes:
        """A blob under the newest epoch."""

    async def unwrap(self, blob: bytes, context: bytes) -> bytes:
        """Raises CannotUnwrap."""

    async def rewrap(self, blob: bytes, context: bytes) -> bytes:
        """The same plaintext under the newest epoch. Raises CannotUnwrap."""

    async def rotate(self) -> int:
        """Begins a new epoch and gives its number."""

    async def destroy_epoch(self, version: int) -> None:
        """Destroys that epoch and every older one, for good. ValueError for the newest one."""

    async def epochs(self) -> list[int]:
        """Epochs that still open their blobs, ascending; the last wraps."""

    async def recoverable(self) -> list[int]:
        """Epochs that somebody could still make open their blobs, ascending: `epochs`, and those whose destruction is ordered
        and may be called back. An erasure is final where none of these wrapped its keys."""

    async def healthy(self) -> bool: ...


def epoch_of(blob: bytes) -> int:
    """The epoch that wrapped a blob. ValueError where it is none of a KMS."""
    match = _BLOB.match(blob)
    if match is None:
        raise ValueError("not a blob of a KMS")
    return int(match[1])
