"""The peer package in an environment of its own, pinned by version and hash in benchmarks/peers.lock: never among our locks."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.events_world import libpq

LOCK = Path(__file__).with_name("peers.lock")
SCRIPT = Path(__file__).with_name("events_peer.py")


class PeerMissing(Exception):
    """The peer could not be installed; the message says why."""


@dataclass(frozen=True)
class Package:
    """The newest `eventsourcing` on one database."""

    python: Path
    dsn: str

    async def ask(self, *words: str, functions: bool = False) -> tuple[Any, str]:
        """(answer, version). `functions`: with the package's own database functions, its faster and not its default way."""
        environment = {**os.environ, **libpq(self.dsn), "PEER_DB_FUNCTIONS": "y" if functions else "n"}
        said = json.loads(await _run(str(self.python), str(SCRIPT), *words, env=environment))
        return said["answer"], said["version"]


async def install(folder: Path) -> Path:
    """The interpreter of a fresh environment that holds the peer. Raises PeerMissing."""
    python = folder / "peer" / "bin" / "python"
    await _run(sys.executable, "-m", "venv", str(folder / "peer"))
    await _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK))
    return python


async def _run(*command: str, env: dict[str, str] | None = None) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    if process.returncode != 0:
        raise PeerMissing(f"{Path(command[0]).name} {command[1]} failed: {err.decode(errors='replace').strip()[-600:]}")
    return out.decode()
