"""A real single-node Kafka broker (KRaft) on a free loopback port, from Java 17 and Maven; for tests and for trying.

Its libraries are fetched once (65 MB). Without TLS, one replica: never for clinical data.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final
from uuid import uuid4

from shared import base64url

KAFKA_VERSION: Final = "4.3.1"
CACHE_VARIABLE: Final = "ALLIANCE_RECORD_KAFKA"
"""names the directory that holds the broker's libraries; by default `~/.cache/alliance-record/kafka-<version>`"""
_MAVEN_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_FETCH_SECONDS: Final = 600
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 20
# The end of the pipe means that the parent is gone, a line that it needs the watch no more.
_DIES_WITH_PARENT: Final = 'exec 3<&0; (read -r _ <&3 || kill -9 $$) & exec "$@" 3<&- </dev/null'
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
listener.security.protocol.map=CLIENT:{protocol},CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=2
"""
ADMIN: Final = "admin"
_GUARDED: Final = """\
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
 username="{admin}" password="{password}" {users};
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{admin};User:ANONYMOUS
"""
"""as in docker-compose.yml: nobody is anonymous but the controller, and what no ACL allows is denied"""


class KafkaUnavailable(Exception):
    """No broker can run here; the message says what is missing."""


def available() -> bool:
    """Whether Java and Maven are there (Maven only until the libraries are cached)."""
    return shutil.which("java") is not None and ((_cache() / "libs").is_dir() or shutil.which("mvn") is not None)


class LocalKafka:
    """One broker of this process; it ends with it. All methods block: from async code through `asyncio.to_thread`."""

    def __init__(self, accounts: Mapping[str, str] | None = None, *, ports: tuple[int, int] | None = None) -> None:
        """`accounts`: passwords by principal, `ADMIN` among them. With them a client has to say who it is, and ACLs count.
        `ports`: of the broker and its controller; free ones without."""
        self._accounts = dict(accounts or {})
        self._home = Path(tempfile.mkdtemp(prefix="alliance-record-kafka-"))
        self.data_dir = self._home / "data"
        """log segments: what a reader of the broker's disk would see"""
        self._properties, self._log = self._home / "server.properties", self._home / "broker.log"
        self._port, self._controller = ports or _free_ports()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """host:port; the same after a restart"""
        return f"127.0.0.1:{self._port}"

    def start(self) -> "LocalKafka":
        """Returns when the broker serves. Raises KafkaUnavailable."""
        libraries = _libraries()
        if not self._properties.exists():
            self._properties.touch(mode=0o600)
            self._properties.write_text(self._text(self._controller))
            self._run_to_end(libraries, "kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(self._properties))
        with self._log.open("ab") as log:
            seen = log.tell()
            self._process = self._spawn(libraries, log)
        self._await_ready(seen)
        return self

    def stop(self) -> None:
        """Ends the broker in order; its data stay for the next start."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the broker as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """Ends the broker and removes its data."""
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _text(self, controller: int) -> str:
        protocol = "SASL_PLAINTEXT" if self._accounts else "PLAINTEXT"
        text = _PROPERTIES.format(port=self._port, controller=controller, data=self.data_dir, protocol=protocol)
        if self._accounts:
            users = " ".join(f'user_{name}="{password}"' for name, password in self._accounts.items())
            text += _GUARDED.format(admin=ADMIN, password=self._accounts[ADMIN], users=users)
        return text

    def _spawn(self, libraries: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [
            *_java(libraries),
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
            "kafka.Kafka",
            str(self._properties),
        ]
        return subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _DIES_WITH_PARENT, "sh", *command], stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=self._home
        )

    def _await_ready(self, seen: int) -> None:
        process = self._process
        until = time.monotonic() + _START_SECONDS
        while process is not None and process.poll() is None and time.monotonic() < until:
            if b"Kafka Server started" in self._log.read_bytes()[seen:]:
                return
            time.sleep(0.05)
        self.kill()
        raise KafkaUnavailable(
            f"the broker did not start; its log ends: {self._log.read_bytes()[-2000:].decode(errors='replace')}"
        )

    def _end(self, by: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(by)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdin is not None
        try:
            process.stdin.write(b"\n")
            process.stdin.close()
        except BrokenPipeError:
            return

    def _run_to_end(self, libraries: Path, *arguments: str) -> None:
        done = subprocess.run([*_java(libraries), *arguments], capture_output=True, timeout=_START_SECONDS, check=False)  # noqa: S603
        if done.returncode != 0:
            raise KafkaUnavailable(f"{arguments[0]} failed: {(done.stdout + done.stderr)[-2000:].decode(errors='replace')}")


def _java(libraries: Path) -> list[str]:
    java = shutil.which("java")
    if java is None:
        raise KafkaUnavailable("no `java` on the path: install Java 17 or newer, or set KAFKA_BOOTSTRAP_SERVERS")
    return [
        java,
        "-Xms256m",
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        f"{libraries}/*",
    ]


def _cache() -> Path:
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "alliance-record" / f"kafka-{KAFKA_VERSION}")


def _libraries() -> Path:
    """The directory of the broker's jars, filled once, also where several test runs begin together."""
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    libraries = cache / "libs"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not libraries.is_dir():
            _fetch(libraries)
    return libraries


def _fetch(libraries: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailable("no `mvn` on the path: install Maven, or set KAFKA_BOOTSTRAP_SERVERS")
    with tempfile.TemporaryDirectory(dir=libraries.parent) as work:
        shutil.copy(Path(__file__).with_name("pom.xml"), work)
        command = [maven, "-B", "-ntp", "-q", _MAVEN_PLUGIN, "-DincludeScope=runtime", "-DoutputDirectory=libs"]
        done = subprocess.run(command, cwd=work, capture_output=True, timeout=_FETCH_SECONDS, check=False)  # noqa: S603
        if done.returncode != 0:
            raise KafkaUnavailable(f"Maven could not fetch the broker: {done.stdout[-2000:].decode(errors='replace')}")
        (Path(work) / "libs").rename(libraries)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(two.getsockname()[1])


def _cluster_id() -> str:
    """22 characters of URL-safe base64, as Kafka writes a UUID; a leading dash would be read as an option."""
    while True:
        name = base64url.encode(uuid4().bytes)
        if not name.startswith("-"):
            return name
