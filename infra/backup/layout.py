"""What a backup holds. Two folders, to be kept apart: whoever has both can open every record.

<DIR>/manifest.json      when, of which schemas, and the SHA-256 of each file
<DIR>/data/              ciphertext: the services' databases, and the last signed checkpoints of the ledgers
<DIR>/keys/              the keyring's database, OpenBao with its service token, and ./secrets
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from infra.migrate import SCHEMAS

CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server, copied whole at one moment."""

    file: str
    service: str


@dataclass(frozen=True, slots=True)
class Volume:
    """A folder of a volume, as a container of `service` sees it."""

    file: str
    service: str
    folder: str


CHECKPOINTS: Final = Volume("data/checkpoints.tar", "audit-log", "/var/lib/checkpoints")
DATABASES: Final = Server("data/postgres.tar.gz", "postgres")
KEYRING: Final = Server("keys/postgres-keyring.tar.gz", "postgres-keyring")
OPENBAO: Final = Volume("keys/openbao.tar", "openbao", "/openbao/file")
TOKEN: Final = Volume("keys/kms-token.tar", "kms-setup", "/run/kms")
SECRETS: Final = "keys/secrets.tar"
FILES: Final = (CHECKPOINTS.file, DATABASES.file, KEYRING.file, OPENBAO.file, TOKEN.file, SECRETS)


@dataclass(frozen=True, slots=True)
class Manifest:
    made_at: str
    """RFC 3339, UTC: everything acknowledged before it is in the backup"""
    schemas: dict[str, str]
    """database → digest of its schema"""
    files: dict[str, str]
    """file → SHA-256"""

    def write(self, folder: Path) -> None:
        (folder / "manifest.json").write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """ValueError where the folder holds no whole backup; the message says what is wrong."""
        try:
            found = cls(**json.loads((folder / "manifest.json").read_text()))
        except (OSError, TypeError, json.JSONDecodeError):
            raise ValueError(f"{folder} holds no finished backup: there is no readable manifest.json") from None
        for name in FILES:
            if not (folder / name).is_file():
                raise ValueError(f"{folder}/{name} is missing: put data/ and keys/ of the same backup together")
            if digest(folder / name) != found.files.get(name):
                raise ValueError(f"{folder}/{name} is not the file that was backed up: its SHA-256 differs")
        return found


def schema_digests() -> dict[str, str]:
    return {name: schema.digest for name, schema in SCHEMAS.items()}


def digest(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()
