"""Compose as operators' commands call it: `docker compose`, or the older `docker-compose`."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any


class NoCompose(Exception):
    """Neither `docker compose` nor the older `docker-compose` is installed."""


class ComposeFailed(Exception):
    """A call ended with another code than 0; the message has the end of what it wrote."""


def compose_command() -> list[str]:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return command
    raise NoCompose("docker compose is not installed: install a Docker engine with compose")


def settings(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """As compose reads them: the environment before the file `.env`."""
    file = root / ".env"
    lines = [line.strip() for line in file.read_text().splitlines()] if file.is_file() else []
    pairs = [line.removeprefix("export ").partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return {**{name.strip(): value.strip().strip("'\"") for name, _, value in pairs}, **environ}


class Compose:
    """Of the project in `root`, or of the one that `project` names."""

    def __init__(self, root: Path, env: Mapping[str, str], project: str | None = None) -> None:
        self._command = [*compose_command(), *(("-p", project) if project else ())]
        self._root, self._env = root, dict(env)

    def said(self, *arguments: str, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        """Whatever it ends with."""
        return subprocess.run(
            [*self._command, *arguments], cwd=self._root, env=self._env, capture_output=True, text=True, timeout=seconds
        )

    def run(self, *arguments: str, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> bytes:
        """Its output, unless that goes to `stdout`. ComposeFailed."""
        done = subprocess.run(
            [*self._command, *arguments],
            cwd=self._root,
            env=self._env,
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if done.returncode != 0:
            raise ComposeFailed(f"compose {' '.join(arguments[:4])} …: {done.stderr.decode(errors='replace')[-800:]}")
        return done.stdout or b""

    def open(self, *arguments: str) -> "subprocess.Popen[Any]":
        """A call that goes on until its standard input is closed."""
        return subprocess.Popen(
            [*self._command, *arguments],
            cwd=self._root,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
