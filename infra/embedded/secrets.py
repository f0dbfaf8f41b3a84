"""Seeds and passwords of the embedded run, made once and kept in the data folder (mode 0600)."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from shared.contracts.records import ServiceName


class EmbeddedSecrets:
    """Names and their 32-byte seeds in one JSON file, written whole or not at all."""

    def __init__(self, file: Path, *, random: Callable[[int], bytes]) -> None:
        self._file, self._random = file, random
        self._seeds: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}

    def seed(self, name: str) -> bytes:
        """32 bytes of that name, the same at every start."""
        if name not in self._seeds:
            self._seeds[name] = self._random(32).hex()
            self._write()
        return bytes.fromhex(self._seeds[name])

    def service(self, name: ServiceName) -> bytes:
        return self.seed(f"service/{name}")

    def password(self, role: str) -> str:
        return self.seed(f"password/{role}").hex()

    def _write(self) -> None:
        scratch = self._file.with_suffix(".new")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump(self._seeds, out)
            out.flush()
            os.fsync(out.fileno())
        scratch.replace(self._file)
