"""Anchors as files: `<directory>/<tenant>.checkpoint`, replaced by compare-and-swap under a lock file.

Keep the directory on another volume than the database, with a backup of its own: it is what tells a restored or forked
database from the one that was signed.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.audit_log.ledger.application.ledger_view import AnchorMoved

_SUFFIX = ".checkpoint"


class FileAnchor:
    def __init__(self, directory: Path) -> None:
        """The directory is made, for this user only, where it does not exist."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory

    async def tenants(self) -> list[str]:
        return await asyncio.to_thread(lambda: sorted(p.name.removesuffix(_SUFFIX) for p in self._directory.glob(f"*{_SUFFIX}")))

    async def load(self, tenant: str) -> bytes | None:
        return await asyncio.to_thread(_read, self._path(tenant))

    async def swap(self, tenant: str, expected: bytes | None, note: bytes) -> None:
        await asyncio.to_thread(self._swap, self._path(tenant), expected, note)

    def _path(self, tenant: str) -> Path:
        if not tenant or "/" in tenant or "\\" in tenant or tenant.startswith("."):
            raise ValueError("not a tenant's name")
        return self._directory / f"{tenant}{_SUFFIX}"

    def _swap(self, path: Path, expected: bytes | None, note: bytes) -> None:
        with _locked(self._directory / ".lock"):
            if _read(path) != expected:
                raise AnchorMoved(path.name)
            fresh = path.with_suffix(".new")
            with fresh.open("wb") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
            _sync(self._directory)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _sync(directory: Path) -> None:
    if sys.platform == "win32":  # a directory cannot be opened there; NTFS journals the rename
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            try:
                yield
            finally:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
            yield
