"""`make run` as a person has it: a process of its own, its own data folder, a free port."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 90


class EmbeddedProcess:
    """Start, Ctrl-C, kill -9, start again: the data folder stays."""

    def __init__(self, folder: Path) -> None:
        self.data_dir, self.port = folder / "data", free_port()
        self.url, self.log_file = f"http://127.0.0.1:{self.port}", folder / "run.log"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, until: Callable[[str], bool] = lambda log: "Ctrl-C ends it" in log) -> None:
        env = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
        env |= {"ENVIRONMENT": "development", "PORT": str(self.port), "DATA_DIR": str(self.data_dir), "PYTHONUNBUFFERED": "1"}
        env["DEMO_COURSES"] = "0"  # the test of the courses makes them when it wants them
        env["TMPDIR"] = str(self.temporary)  # hunted with the rest
        before = len(self.log())
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen([sys.executable, "-m", "infra.embedded"], cwd=ROOT, env=env, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while not until(self.log()[before:]):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the embedded run did not start:\n{self.log()[-4000:]}")
            time.sleep(0.1)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(30)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.interrupt()

    def mint(self, *, sub: str, role: str, tenant: str, client_id: str | None = None, **more: Any) -> str:
        body = {"sub": sub, "name": sub, "role": role, "tenant": tenant, **more}
        if client_id is not None:
            body["client_id"] = client_id
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/dev/token", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return str(json.load(answer)["access_token"])
