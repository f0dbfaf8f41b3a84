"""A process whose loop stands still ends by itself and says why: also where the interpreter's lock is held all the time."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from shared.identity.development import DevelopmentIssuer
from shared.service import clock
from tests.support.ports import free_port

ROOT = Path(__file__).parents[3]
_PROCESS = """
import asyncio, re, time
from shared.service.serve import configure_logging
from shared.service.watchdog import watched

async def main():
    async with watched(2):
        await asyncio.sleep(0.2)
        {stands}
        await asyncio.sleep(0.2)

configure_logging()
asyncio.run(main())
print("ended well", flush=True)
"""
ENDLESS = "re.compile('(?:a+)+b').fullmatch('a' * 60 + '!')"
"""never lets another thread run"""


def run(stands: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-c", _PROCESS.format(stands=stands)], capture_output=True, text=True, timeout=30, env=environment
    )


def test_a_loop_that_waits_for_something_without_end() -> None:
    ended = run("time.sleep(25)")
    assert ended.returncode == 1 and "ended well" not in ended.stdout
    assert "the event loop has stood still for 2 s: this process ends" in ended.stderr
    assert re.search(r'File "<string>", line \d+ in main', ended.stderr), "where it stood"


def test_a_loop_that_never_lets_go_of_the_interpreter() -> None:
    began = monotonic()
    ended = run(ENDLESS)
    assert ended.returncode == 1 and "ended well" not in ended.stdout
    assert "Timeout (0:00:04)!" in ended.stderr and "in _end_process_when_event_loop_stands_still" in ended.stderr
    assert re.search(r'File "<string>", line \d+ in main', ended.stderr)
    assert monotonic() - began < 15


@pytest.mark.parametrize("works", ["time.sleep(1)", "[await asyncio.sleep(0.5) for _ in range(10)]"])
def test_a_loop_that_is_busy_or_idle_goes_on(works: str) -> None:
    ended = run(works)
    assert (ended.returncode, ended.stdout) == (0, "ended well\n"), ended.stderr


_HOLDS_THE_INTERPRETER = """
import re, socket, threading, time

def hold():
    while socket.socket().connect_ex(("127.0.0.1", PORT)):
        time.sleep(0.05)
    re.compile("(?:a+)+b").fullmatch("a" * 60 + "!")

threading.Thread(target=hold, daemon=True).start()
"""


def test_a_service_is_watched_as_it_is_deployed(tmp_path: Path) -> None:
    """Python imports `sitecustomize` by itself: here it holds the lock of the interpreter as soon as the service listens."""
    port = free_port()
    issuer = DevelopmentIssuer(bytes(32), clock=clock.seconds, new_id=clock.new_id)
    (tmp_path / "sitecustomize.py").write_text(_HOLDS_THE_INTERPRETER.replace("PORT", str(port)))
    (tmp_path / "seed").write_text("11" * 32)
    (tmp_path / "directory").write_text("{}")
    (tmp_path / "jwks").write_text(json.dumps(issuer.jwks()))
    environment = {
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "PATH": os.environ["PATH"],
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "SERVICE_SEED_FILE": str(tmp_path / "seed"),
        "SERVICE_DIRECTORY_FILE": str(tmp_path / "directory"),
        "OIDC_ISSUER": "https://issuer.example",
        "OIDC_JWKS_FILE": str(tmp_path / "jwks"),
        "ENVIRONMENT": "development",
        **dict.fromkeys(("CONSENT_URL", "SESSION_NOTES_URL", "ALLIANCE_MEASUREMENT_URL", "GATE_URL"), "http://127.0.0.1:9"),
    }
    command = [sys.executable, "-m", "services.ehr_gateway"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1 and "Timeout (0:00:12)!" in ended.stderr, ended.stderr


def test_whoever_serves_is_watched() -> None:
    for folder in ("services", "shared", "infra"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text()
            if "serve_until_signalled(" in text.replace("def serve_until_signalled(", ""):
                assert "async with watched()" in text, file
