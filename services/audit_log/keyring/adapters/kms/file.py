"""A KMS in a file, for development: whoever reads the file reads every key. It refuses to run in production."""

import asyncio
import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from services.audit_log.keyring.adapters.kms.port import CallBook, CannotUnwrap, KmsUnavailable, epoch_of
from shared.service.parts import Unwired

ALLOWED: Final = frozenset({"development", "test"})
_NONCE: Final = 12


class FileKms:
    """Epochs of random 32-byte keys in a JSON file of mode 0600; AES-256-GCM-SIV (RFC 8452) with the context as AAD.

    `environment` is the setting ENVIRONMENT; None or empty means production. Raises Unwired in `open` where the environment
    is not a development one, or others may read the file. One process at a time.
    """

    def __init__(self, path: Path, *, environment: str | None, random: Callable[[int], bytes]) -> None:
        if environment not in ALLOWED:
            raise Unwired(
                "the file KMS is for development alone: set KMS_PROVIDER=openbao, or ENVIRONMENT=development to try things out"
            )
        self._path, self._random = path, random
        self._epochs: dict[int, AESGCMSIV] = {}
        self._keys: dict[int, bytes] = {}
        self._changing = asyncio.Lock()

    def follow(self, book: CallBook) -> None:
        """A file keeps no log that anything could be compared with."""

    async def open(self) -> None:
        async with self._changing:
            self._take(await asyncio.to_thread(self._load_or_make))

    async def close(self) -> None:
        self._keys, self._epochs = {}, {}

    async def wrap(self, plaintext: bytes, context: bytes) -> bytes:
        newest = self._newest()
        nonce = self._random(_NONCE)
        return b"file:v%d:" % newest + b64encode(nonce + self._epochs[newest].encrypt(nonce, plaintext, context))

    async def unwrap(self, blob: bytes, context: bytes) -> bytes:
        self._newest()
        try:
            epoch = self._epochs[epoch_of(blob)]
            raw = b64decode(blob.split(b":", 2)[2], validate=True)
            return epoch.decrypt(raw[:_NONCE], raw[_NONCE:], context)
        except KeyError:
            raise CannotUnwrap("the epoch that wrapped this key is destroyed") from None
        except (InvalidTag, ValueError):
            raise CannotUnwrap("this wrapped key was changed, or moved from another place") from None

    async def rewrap(self, blob: bytes, context: bytes) -> bytes:
        return await self.wrap(await self.unwrap(blob, context), context)

    async def rotate(self) -> int:
        async with self._changing:
            newest = self._newest() + 1
            await self._change({**self._keys, newest: self._random(32)})
            return newest

    async def destroy_epoch(self, version: int) -> None:
        async with self._changing:
            if version >= self._newest():
                raise ValueError("the newest epoch is in use: rotate and rewrap before it is destroyed")
            await self._change({v: k for v, k in self._keys.items() if v > version})

    async def epochs(self) -> list[int]:
        self._newest()
        return sorted(self._keys)

    async def recoverable(self) -> list[int]:
        return await self.epochs()

    async def healthy(self) -> bool:
        return bool(self._keys)

    def _newest(self) -> int:
        if not self._keys:
            raise KmsUnavailable("the file KMS is not open")
        return max(self._keys)

    async def _change(self, keys: dict[int, bytes]) -> None:
        await asyncio.to_thread(self._write, keys)
        self._take(keys)

    def _take(self, keys: dict[int, bytes]) -> None:
        self._keys = keys
        self._epochs = {version: AESGCMSIV(key) for version, key in keys.items()}

    def _load_or_make(self) -> dict[int, bytes]:
        try:
            mode = self._path.stat().st_mode
        except FileNotFoundError:
            keys = {1: self._random(32)}
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._write(keys)
            return keys
        if mode & 0o077:
            raise Unwired(f"{self._path} may be read by others: chmod 600 it")
        try:
            document = orjson.loads(self._path.read_bytes())
            keys = {int(version): b64decode(key, validate=True) for version, key in document["epochs"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unwired(f"{self._path} is not what the file KMS writes: restore it; without it no key opens") from None
        if not keys or any(len(key) != 32 for key in keys.values()):
            raise Unwired(f"{self._path} holds no usable epoch: restore it; without it no key opens")
        return keys

    def _write(self, keys: dict[int, bytes]) -> None:
        """Whole or not at all: written beside, flushed to the disk, then renamed."""
        document = {"format": 1, "epochs": {str(v): b64encode(k).decode() for v, k in sorted(keys.items())}}
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(orjson.dumps(document))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
