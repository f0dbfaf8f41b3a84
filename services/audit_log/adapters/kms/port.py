"""The KMS: it holds the key-encryption keys, in numbered epochs, and never hands one out."""

import re
from typing import Final, Protocol

from services.audit_log.application.ports import KeyringUnavailable

_BLOB: Final = re.compile(rb"[a-z]+:v(\d{1,9}):")


class KmsUnavailable(KeyringUnavailable):
    """The KMS does not answer, or not to this token: nothing can be opened until it does."""


class CannotUnwrap(KeyringUnavailable):
    """The KMS refuses this blob: another context, a changed byte, or its epoch is destroyed (a restored backup?)."""


class Kms(Protocol):
    """`context` binds a blob to its place. All methods raise KmsUnavailable."""

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
