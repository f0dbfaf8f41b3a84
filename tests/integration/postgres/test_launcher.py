"""On every server found here: the system's and the one carried by pip."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from infra.postgres.account import NotTraversable, server_account
from infra.postgres.binaries import Binaries, NoPostgres, carried_binaries, find_binaries, system_binaries
from infra.postgres.launcher import LocalPostgres, StartFailed
from tests.support.postgres import server_directory

_FOUND = [*itertools.islice(system_binaries(), 1), *carried_binaries()]


@pytest.fixture(params=_FOUND, ids=str)
def binaries(request: pytest.FixtureRequest) -> Binaries:
    found: Binaries = request.param
    return found


@pytest.fixture
def directory() -> Iterator[Path]:
    with server_directory() as made:
        yield made


async def ask(server: LocalPostgres, sql: str) -> object:
    connection = await asyncpg.connect(server.dsn())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


async def test_a_second_start_keeps_the_data(binaries: Binaries, directory: Path) -> None:
    with LocalPostgres(directory / "data", binaries=binaries) as server:
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS n")
    with LocalPostgres(directory / "data", binaries=binaries) as server:
        assert await ask(server, "SELECT n FROM kept") == 42
        assert str(await ask(server, "SHOW server_version")).startswith(binaries.version)


async def test_after_kill_9_it_starts_again_and_keeps_what_was_committed(binaries: Binaries, directory: Path) -> None:
    server = LocalPostgres(directory / "data", binaries=binaries)
    with server:
        idle = await asyncpg.connect(server.dsn())
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS n")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert is_gone(server.pid or 0)
        server.start()
        assert await ask(server, "SELECT n FROM kept") == 42
        idle.terminate()


async def test_it_listens_on_a_private_socket_alone(binaries: Binaries, directory: Path) -> None:
    with LocalPostgres(directory / "data", binaries=binaries) as server:
        assert await ask(server, "SHOW listen_addresses") == ""
        assert await ask(server, "SHOW fsync") == "on"
        assert server.socket_dir.stat().st_mode & 0o777 == 0o700
        assert (directory / "data.password").stat().st_mode & 0o777 == 0o600
        assert "trust" not in (directory / "data" / "pg_hba.conf").read_text().split("#")[-1]
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.dsn(password="guessed"))


async def test_a_long_path_gets_a_short_socket(directory: Path) -> None:
    deep = directory / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    with LocalPostgres(deep / "data") as server:
        assert len(str(server.socket_dir)) < 80
        assert await ask(server, "SELECT 1") == 1
        short = server.socket_dir
        server.stop()
        server.start()
        assert server.socket_dir == short


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the death signal of a parent is Linux's")
def test_it_ends_with_its_parent(binaries: Binaries, directory: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\n"
        "from infra.postgres.binaries import examine\nfrom infra.postgres.launcher import LocalPostgres\n"
        "server = LocalPostgres(Path(sys.argv[1]), binaries=examine(Path(sys.argv[2]), 'system'))\n"
        "server.start()\nprint(server.pid, flush=True)\ntime.sleep(60)\n"
    )
    data = directory / "data"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(data), str(binaries.directory)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        with pytest.raises(StartFailed, match="in use by another process"):
            LocalPostgres(data, binaries=binaries).start()
        parent.kill()
    with LocalPostgres(data, binaries=binaries):
        assert is_gone(pid)


def test_a_stale_pid_file_of_another_program_does_not_stop_it(directory: Path) -> None:
    data = directory / "data"
    with LocalPostgres(data):
        lines = (data / "postmaster.pid").read_text().splitlines()
    account = server_account()
    with subprocess.Popen(["sleep", "60"], user=account.uid if account else None) as bystander:
        (data / "postmaster.pid").write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
        with LocalPostgres(data) as server:
            assert server.pid is not None
        assert bystander.poll() is None, "somebody else's process was ended"
        bystander.kill()


def test_a_server_that_outlived_its_process_is_ended_first(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a kill where the kernel sends no death signal. However narrow the screen that `ps` thinks it writes to."""
    monkeypatch.setenv("COLUMNS", "20")
    orphan = LocalPostgres(directory / "data")
    orphan.start()
    assert orphan._lock is not None
    orphan._lock.close()
    with LocalPostgres(directory / "data") as server:
        assert orphan.pid is None
        assert server.pid is not None


def test_an_interrupted_first_start_leaves_nothing_behind(directory: Path) -> None:
    (directory / "data.new").mkdir()
    (directory / "data.new" / "PG_VERSION").write_text("3\n")
    with LocalPostgres(directory / "data") as server:
        assert server.pid is not None
    assert not (directory / "data.new").exists()


def test_a_lost_password_is_named(directory: Path) -> None:
    with LocalPostgres(directory / "data"):
        pass
    (directory / "data.password").unlink()
    with pytest.raises(StartFailed, match=r"data\.password is missing"):
        LocalPostgres(directory / "data").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_a_directory_the_account_cannot_pass_is_named(directory: Path) -> None:
    closed = directory / "closed"
    closed.mkdir(mode=0o700)
    account = server_account()
    assert account is not None and account.uid != 0
    with pytest.raises(NotTraversable, match=str(closed)):
        LocalPostgres(closed / "data").start()


def test_where_binaries_come_from(directory: Path) -> None:
    assert find_binaries({"PG_BIN": str(_FOUND[-1].directory)}).origin == "PG_BIN"
    with pytest.raises(NoPostgres, match="correct it, or unset it"):
        find_binaries({"PG_BIN": str(directory)})
    with pytest.raises(NoPostgres, match="PostgreSQL 9 "):
        find_binaries({}, major=9)
    for found in _FOUND:
        assert find_binaries({}, major=found.major).major == found.major


def test_a_data_directory_chooses_the_server_that_made_it(directory: Path) -> None:
    for found in _FOUND:
        data = directory / f"data{found.major}"
        data.mkdir()
        (data / "PG_VERSION").write_text(f"{found.major}\n")
        assert LocalPostgres(data).binaries.major == found.major
