"""`make drill-restore`: proves on this machine that a restored backup brings no erased client back.

Everything real and of its own, in a folder that is removed: PostgreSQL, the five services over HTTP, pg_dump, pg_restore. Back
up the keyring, erase the demo client by two officers, restore the backup, look that it does hold the keys again, start, and read.
The runbook docs/operations/restore.md follows the same steps.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from socket import socket
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from infra.demo.caller import TENANT
from infra.postgres.launcher import LocalPostgres

CLASSES: Final = ("identity", "progress_note", "psychotherapy_note", "measures", "consent_evidence", "concern")
BACK_UP: Final = ("pg_dump", "--format=custom", "--file=keyring.dump", "keyring")
RESTORE: Final = ("pg_restore", "--clean", "--if-exists", "--single-transaction", "--dbname=keyring", "keyring.dump")
"""as the runbook has them: a test compares"""
_WITHIN: Final = 120.0
"""seconds for a start, and for an erasure; both take about ten on an idle machine"""
_ROOT: Final = Path(__file__).parents[2]
_LIVE_KEYS: Final = "SELECT count(*) FROM data_key WHERE wrapped IS NOT NULL AND client_id = '{}'"


class DrillFailed(Exception):
    """The message says at which step, and what was seen."""


class Drill:
    def __init__(self, folder: Path, postgres: LocalPostgres) -> None:
        self._folder, self._postgres = folder, postgres
        with closing(socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])

    def run(self) -> None:
        with self._services():
            ids = json.loads((self._folder / "data/demo.json").read_text())
            client, note = ids["client_id"], ids["note_id"]
            status, body = self._ask("GET", f"/v1/notes/{note}", "lena.marsh", "therapist")
            _expect(status == 200 and body["sections"] and not body["erased"], f"the note is read before the erasure ({status})")
            keys = self._live_keys(client)
            _expect(keys > 0, f"the keyring holds {keys} keys of the client")
            self._tool(*BACK_UP)
            _say(f"backed up the keyring ({(self._folder / 'keyring.dump').stat().st_size} bytes)")
            self._erase(client)
            _expect(self._live_keys(client) == 0, "the erasure left the keyring no key of the client")
            _expect(_is_erased(self._ask("GET", f"/v1/notes/{note}", "lena.marsh", "therapist")), "the note reads as erased")
        self._tool(*RESTORE)
        # if this found none, the drill would prove nothing
        _expect(self._live_keys(client) == keys, f"the restored backup holds the {keys} erased keys again")
        with self._services():
            _expect(self._live_keys(client) == 0, "the start destroyed them again before it served")
            _expect(
                _is_erased(self._ask("GET", f"/v1/notes/{note}", "lena.marsh", "therapist")), "the note still reads as erased"
            )

    @contextmanager
    def _services(self) -> Iterator[None]:
        """The five services as a process of their own; ready when this enters, ended when it leaves."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        env |= {
            "ENVIRONMENT": "development",
            "PORT": str(self._port),
            "DATA_DIR": str(self._folder / "data"),
            "DATABASE_URL": self._postgres.dsn(),
            "PYTHONUNBUFFERED": "1",
        }
        with (self._folder / "run.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "infra.embedded"], cwd=_ROOT, env=env, stdout=log, stderr=log)
        try:
            _within("the services did not start", lambda: self._started(process))
            _say("the five services run")
            yield
        finally:
            process.terminate()
            process.wait(60)

    def _started(self, process: "subprocess.Popen[bytes]") -> bool:
        if process.poll() is not None:
            raise DrillFailed("the services ended:\n" + (self._folder / "run.log").read_text(errors="replace")[-2000:])
        return "Ctrl-C ends it" in (self._folder / "run.log").read_text(errors="replace")

    def _erase(self, client: str) -> None:
        # the default pack of law keeps evidence of consent for six years: the drill's practice is under another
        for sub in ("officer.one", "officer.two"):
            status, _ = self._ask("PUT", "/v1/audit/settings", sub, "compliance_officer", {"law": "eu"})
            _expect(status in (200, 202), f"{sub} chooses the law ({status})")
        asked = {"client_id": client, "key_classes": CLASSES, "basis": "GDPR 17(1)(b); drill"}
        status, body = self._ask("POST", "/v1/erasures", "officer.one", "compliance_officer", asked)
        _expect(status == 202, f"one officer asks for the erasure ({status})")
        path = f"/v1/erasures/{body['id']}"
        status, _ = self._ask("POST", f"{path}/approvals", "officer.two", "compliance_officer", {})
        _expect(status == 202, f"another one approves it ({status})")

        def completed() -> bool:
            return bool(self._ask("GET", path, "officer.one", "compliance_officer")[1]["status"] == "completed")

        _within("the erasure was not completed", completed)
        _say("every service has acknowledged the erasure")

    def _ask(self, verb: str, path: str, sub: str, role: str, body: Any = None) -> tuple[int, Any]:
        token = self._send("POST", "/dev/token", {"sub": sub, "name": sub, "tenant": TENANT, "role": role}, {})[1]
        return self._send(verb, path, body, {"Authorization": f"Bearer {token['access_token']}"})

    def _send(self, verb: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", data, {**headers, "Content-Type": "application/json"}, method=verb
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.load(refusal)

    def _live_keys(self, client: str) -> int:
        return int(self._tool("psql", "-At", "-c", _LIVE_KEYS.format(client), "keyring"))

    def _tool(self, name: str, *arguments: str) -> str:
        """A program of PostgreSQL; the password by environment, because a command line may be read by all of the machine."""
        admin = urlsplit(self._postgres.dsn())
        env = {
            "PATH": os.environ["PATH"],
            "PGHOST": str(self._postgres.socket_dir),
            "PGPORT": str(self._postgres.port),
            "PGUSER": unquote(admin.username or ""),
            "PGPASSWORD": unquote(admin.password or ""),
        }
        program = self._postgres.binaries.directory / name
        if not program.exists():
            raise DrillFailed(f"{self._postgres.binaries} has no {name}: install PostgreSQL's client programs")
        done = subprocess.run([program, *arguments], env=env, cwd=self._folder, capture_output=True, text=True, timeout=_WITHIN)  # noqa: S603
        if done.returncode:
            raise DrillFailed(f"{name} failed: {done.stderr[-800:]}")
        return done.stdout.strip()


def _is_erased(answer: tuple[int, Any]) -> bool:
    """The answer says so, and no section's words are left."""
    status, body = answer
    return bool(status == 200 and body["erased"] is True and not body["sections"])


def _within(otherwise: str, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WITHIN
    while not done():
        if time.monotonic() > deadline:
            raise DrillFailed(otherwise)
        time.sleep(0.2)


def _expect(truth: Any, what: str) -> None:
    if not truth:
        raise DrillFailed(f"this did not hold: {what}")
    _say(what)


def _say(what: str) -> None:
    print(f"  ✓ {what}", flush=True)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="drill-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # a server started by root lives under an account of its own, and must get through
        try:
            with LocalPostgres(folder / "postgres/data") as postgres:
                Drill(folder, postgres).run()
        except DrillFailed as failure:
            print(f"the drill failed: {failure}", file=sys.stderr)
            return 1
    print("the client stays erased: the drill succeeded")
    return 0


if __name__ == "__main__":
    sys.exit(main())
