"""Starts a PostgreSQL of one's own: for the embedded run and the tests. Linux and macOS.

Reached through a Unix socket in a directory of mode 0700 only (no TCP), with SCRAM passwords. Beside the data directory `D` lie
`D.password` (the administrator's, 0600), `D.lock` and, where its path is short enough for a socket, `D.socket/`.
On Linux the server is told by the kernel to shut down when this process dies, however abruptly; elsewhere the next start of the
same data directory ends the orphan first.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from urllib.parse import quote

from infra.postgres import guard
from infra.postgres.account import Account, check_traversable, server_account
from infra.postgres.binaries import Binaries, find_binaries

ADMIN = "postgres"
DEFAULT_PORT = 5432
_LONGEST_SOCKET = 100
"""bytes; the kernel's limit is 107 on Linux and 103 on macOS"""
_STILL_IN_USE = "is still in use"
"""what a server says while sessions of a killed one end"""
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "idle_in_transaction_session_timeout": "30s",
    "jit": "off",
    "timezone": "UTC",
    # Values and statements stay out of the server's log: they name clients.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class StartFailed(Exception):
    """The server did not come up; the message says why and what to do."""


class LocalPostgres:
    """One server on one data directory, made at the first start. `start` and `stop` block; call them from any thread."""

    def __init__(
        self, data_dir: Path, *, port: int | None = None, binaries: Binaries | None = None, start_timeout: float = 60.0
    ) -> None:
        """`port` only names the socket file. `start_timeout` in seconds, for crash recovery as well."""
        self.data_dir = data_dir.absolute()
        self.port = port or DEFAULT_PORT
        self.binaries = binaries or find_binaries(major=_made_by(self.data_dir))
        self.socket_dir = self._socket_dir()
        self._timeout = start_timeout
        self._account: Account | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: BinaryIO | None = None
        self._password = ""

    def dsn(self, database: str = "postgres", user: str = ADMIN, password: str | None = None) -> str:
        """Over the socket, for asyncpg and (with `postgresql+asyncpg`) SQLAlchemy. Without a password: the administrator's."""
        secret = self._password if password is None else password
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql://{quote(user, safe='')}:{quote(secret, safe='')}@/{quote(database)}?host={host}&port={self.port}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Makes the cluster where there is none, starts the server and returns once it takes connections. Raises StartFailed."""
        if self.pid is not None:
            return
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        try:
            self._account = server_account()
            check_traversable(self.data_dir.parent, self._account)
            check_traversable(self.binaries.directory, self._account)
            self._password = self._kept_password()
            self._end_orphan()
            self._make_socket_dir()
            if not (self.data_dir / "PG_VERSION").exists():
                self._make_cluster()
            self._run()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is on disk. Idempotent."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(self._timeout)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> "LocalPostgres":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _beside(self, suffix: str) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.{suffix}")

    def _socket_dir(self) -> Path:
        path = self._beside("socket")
        if len(os.fsencode(path / f".s.PGSQL.{self.port}")) <= _LONGEST_SOCKET:
            return path
        path = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        weakref.finalize(self, shutil.rmtree, path, True)
        return path

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = self._beside("lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StartFailed(
                f"{self.data_dir} is in use by another process: stop that one, or choose another directory"
            ) from None
        self._lock = lock

    def _kept_password(self) -> str:
        path = self._beside("password")
        if path.exists():
            return path.read_text().strip()
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise StartFailed(f"{path} is missing, and without it the databases in {self.data_dir} cannot be opened: restore it")
        password = secrets.token_urlsafe(32)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password)
            file.flush()
            os.fsync(file.fileno())
        return password

    def _make_socket_dir(self) -> None:
        self.socket_dir.mkdir(exist_ok=True)
        self.socket_dir.chmod(0o700)
        self._hand_over(self.socket_dir)

    def _make_cluster(self) -> None:
        """Made under another name and renamed: an interrupted first start leaves nothing that looks like a cluster."""
        fresh = self._beside("new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._hand_over(fresh)
        password_file = self.socket_dir / "password"
        try:
            with open(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(self._password)
            self._hand_over(password_file)
            command = [str(self.binaries.directory / "initdb"), "-D", str(fresh), "-U", ADMIN, "-A", "scram-sha-256"]
            command += [f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C", "--data-checksums"]
            account = self._account
            done = subprocess.run(  # noqa: S603
                command,
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise StartFailed(f"initdb of {self.binaries} failed: {done.stderr.strip()[-800:]}")
        if self.data_dir.exists():
            self.data_dir.rmdir()
        fresh.rename(self.data_dir)

    def _run(self) -> None:
        deadline = time.monotonic() + self._timeout
        complaint = ""
        while (said := self._attempt(deadline)) is not None:
            complaint = said or complaint  # a last attempt that the deadline cuts short has said nothing yet
            if _STILL_IN_USE not in complaint or time.monotonic() > deadline:
                raise StartFailed(f"{self.binaries} on {self.data_dir} did not become ready: {complaint}")
            time.sleep(0.05)

    def _attempt(self, deadline: float) -> str | None:
        """None once the server is ready, else the end of its log."""
        log_path = self.data_dir / "server.log"
        uid, gid = (str(self._account.uid), str(self._account.gid)) if self._account else ("-", "-")
        command = [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), uid, gid]
        command += [str(self.binaries.directory / "postgres"), "-D", str(self.data_dir), "-p", str(self.port)]
        for name, value in {**_SETTINGS, "unix_socket_directories": str(self.socket_dir)}.items():
            command += ["-c", f"{name}={value}"]
        with log_path.open("ab") as log:
            log_path.chmod(0o600)
            began = log.tell()
            self._process = _spawn_kept(command, log)
        while not self._is_ready(self._process.pid):
            if self._process.poll() is not None or time.monotonic() > deadline:
                with log_path.open("rb") as log:
                    log.seek(began)
                    return log.read().decode(errors="replace").strip()[-800:]
            time.sleep(0.01)
        return None

    def _is_ready(self, pid: int) -> bool:
        """As pg_ctl does: line 8 of postmaster.pid, once it is this server's."""
        lines = self._pid_file()
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _pid_file(self) -> list[str]:
        try:
            return (self.data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _end_orphan(self) -> None:
        """We hold the lock, so no other process owns this directory: what is left of a killed one ends, or is forgotten."""
        lines = self._pid_file()
        if not lines or not lines[0].strip().isdigit():
            return
        pid, deadline = int(lines[0]), time.monotonic() + self._timeout
        signalled = False
        while _is_postgres(pid):
            if time.monotonic() > deadline:
                raise StartFailed(f"an earlier server (process {pid}) on {self.data_dir} does not end: end it by hand")
            if not signalled:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
                signalled = True
            time.sleep(0.02)
        if _exists(pid):
            # The process id went to another program; PostgreSQL would take that one for a live server.
            (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _hand_over(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)


def _made_by(data_dir: Path) -> int | None:
    try:
        return int((data_dir / "PG_VERSION").read_text().strip())
    except FileNotFoundError:
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _is_postgres(pid: int) -> bool:
    """Whether the process is a PostgreSQL server (a process id from a stale file may be anyone's)."""
    # The program's name and not its arguments, which are cut to the width of a screen; a zombie has ended.
    answer = subprocess.run(  # noqa: S603
        ["ps", "-ww", "-o", "stat=", "-o", "comm=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    state, _, program = answer.stdout.strip().partition(" ")
    return not state.startswith("Z") and Path(program.strip()).name in ("postgres", "postmaster")


def _spawn_kept(command: Sequence[str], log: BinaryIO) -> subprocess.Popen[bytes]:
    """Spawns in a thread that then waits for the server's end: Linux sends the death signal when the spawning *thread* ends."""
    spawned: Future[subprocess.Popen[bytes]] = Future()

    def keep() -> None:
        try:
            process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        except BaseException as error:
            spawned.set_exception(error)
            return
        spawned.set_result(process)
        if sys.platform.startswith("linux"):
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    threading.Thread(target=keep, name="postgres-keeper", daemon=True).start()
    return spawned.result()
