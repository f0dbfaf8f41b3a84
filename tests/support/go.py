"""Programs in Go, built once a session from modules that others publish: independent judges of our formats."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.support import environment

GO = shutil.which("go")


async def run(*command: str, cwd: Path | None = None) -> tuple[int, str]:
    """Exit code and everything said."""
    environ = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def build(source: Path, target: Path) -> Path:
    """The programs of a module, in `target`. Skipped, and said so, where Go or a module cannot be had."""
    why = "" if GO else "go is not installed"
    if GO:
        code, output = await run(GO, "mod", "download", cwd=source)
        why = f"Go modules cannot be had: {output[:200]}" if code else ""
    if why or GO is None:
        environment.not_run[f"Go: {source.name}"] = why
        pytest.skip(why)
    target.mkdir(parents=True, exist_ok=True)
    code, output = await run(GO, "build", "-o", f"{target}/", "./...", cwd=source)
    assert code == 0, output
    return target
