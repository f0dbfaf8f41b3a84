"""Doctor before the start, on folders with one fault each, and what it makes of each answer of the running stack."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.compose.certificates import HOST_DAYS, Authority
from infra.compose.command import Compose, settings
from infra.compose.secrets import make
from infra.doctor import files, stack
from infra.doctor.__main__ import main
from infra.doctor.finding import Finding, State

GOOD = {"OIDC_ISSUER": "https://login.example.org", "OIDC_JWKS_URL": "https://login.example.org/certs"}
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    make(folder := tmp_path_factory.mktemp("deployment") / "secrets")
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "secrets"))


def only_fault(found: list[Finding]) -> Finding:
    (one,) = [f for f in found if f.state is State.FAULT]
    assert one.why and one.mend, "each says why it matters and what mends it"
    return one


def test_a_whole_folder_and_settings_are_well(folder: Path) -> None:
    (folder / "authority/key.pem").unlink()
    found = [*files.check_settings(GOOD), *files.check_secrets(folder), *files.check_certificates(folder, {}, NOW)]
    assert {f.state for f in found} == {State.WELL}


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "OIDC_ISSUER"),
        ({"OIDC_ISSUER": "https://login.example.org"}, "OIDC_JWKS_URL or OIDC_JWKS_FILE"),
        ({**GOOD, "PUBLIC_URL": "http://record.example.org"}, "not https: PUBLIC_URL"),
    ],
)
def test_settings(env: dict[str, str], said: str) -> None:
    assert said in only_fault(list(files.check_settings(env))).said


def test_settings_are_read_as_compose_reads_them(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# a line\nOIDC_ISSUER='https://one.example'\nexport HTTPS_PORT=1\n")
    assert settings(tmp_path, {"HTTPS_PORT": "2"}) == {"OIDC_ISSUER": "https://one.example", "HTTPS_PORT": "2"}


def without(*names: str) -> Callable[[Path], None]:
    def remove(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return remove


FAULTS: dict[str, Callable[[Path], None]] = {
    "does not exist": shutil.rmtree,
    "can be read by other accounts": lambda folder: folder.chmod(0o755),
    "missing: audit-log/log-seed.hex": without("audit-log/log-seed.hex"),
    "and 1 more": without("kms-setup/ca.pem", "kms-setup/keyring.json", "consent/seed.hex", "consent/kafka.env"),
}


@pytest.mark.parametrize("said", FAULTS)
def test_secrets(folder: Path, said: str) -> None:
    FAULTS[said](folder)
    assert said in only_fault(list(files.check_secrets(folder))).said


def test_the_authoritys_key_beside_the_rest_is_a_warning(folder: Path) -> None:
    warned = [f for f in files.check_secrets(folder) if f.state is State.WARNING]
    assert [f.check for f in warned] == ["authority"]


def test_certificates_that_end(folder: Path) -> None:
    def states(after: timedelta) -> list[State]:
        return [f.state for f in files.check_certificates(folder, {}, NOW + after)]

    assert states(timedelta(days=HOST_DAYS - 31)) == [State.WELL]
    assert states(timedelta(days=HOST_DAYS - 29)) == [State.WARNING]
    assert states(timedelta(days=HOST_DAYS + 1)) == [State.FAULT]


def test_a_certificate_that_does_not_name_the_public_host(folder: Path) -> None:
    env = {"PUBLIC_URL": "https://record.example.org"}
    assert "record.example.org" in only_fault(list(files.check_certificates(folder, env, NOW))).said
    Authority.kept(folder / "authority").host(folder / "nginx", "record.example.org")
    assert not [f for f in files.check_certificates(folder, env, NOW) if f.state is State.FAULT]


def health(**parts: bool) -> dict[str, Any]:
    return {"services": {"audit_log": {"status": "ready" if all(parts.values()) else "not ready", "parts": parts}}}


@pytest.mark.parametrize("part", stack.PARTS)
def test_each_part_that_is_not_ready_has_its_words(part: str) -> None:
    found = only_fault(list(stack.told_by(health(**{"another": True, part: False}))))
    assert part in found.said and "{" not in found.mend


def test_health() -> None:
    assert [f.state for f in stack.told_by(health(database=True))] == [State.WELL]
    assert "away" not in only_fault(list(stack.told_by({"services": {"consent": {"status": "away", "parts": {}}}}))).said


def test_every_part_that_a_service_can_name_is_known() -> None:
    """Parts as the bootstraps spell them: a new one gets its words."""
    root = Path(__file__).parents[3]
    texts = [
        p.read_text()
        for p in (*root.glob("services/*/bootstrap*.py"), root / "shared/http/app.py", *root.glob("shared/service/*.py"))
    ]
    named = {
        part
        for text in texts
        for block in re.findall(r"checks[=:]?\s*=?\s*\{(.*?)\}", text, re.S)
        for part in re.findall(r'"(\w+)":', block)
    }
    assert len(named) >= 6 and named <= stack.PARTS.keys()


CONTAINER = {"State": {"Status": "running", "ExitCode": 0, "Health": {"Status": "healthy"}}, "RestartCount": 0}


class Silent(Compose):
    """Of which only the last line of a log is asked."""

    def __init__(self) -> None:
        pass

    def said(self, *arguments: str, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        line = f"{arguments[-1]}_1  | audit_log does not start: LOG_SEED_FILE is not set\n"
        return subprocess.CompletedProcess(arguments, 0, line, "")


@pytest.mark.parametrize(
    ("name", "state", "said"),
    [
        ("consent", None, "was not made"),
        ("consent", {"Status": "restarting"}, "does not start: LOG_SEED_FILE"),
        ("consent", {"Status": "exited", "ExitCode": 137, "OOMKilled": True}, "want of memory"),
        ("consent", {"Status": "running", "Health": {"Status": "unhealthy"}}, "not ready"),
        ("migrate", {"Status": "exited", "ExitCode": 1}, "ended with 1"),
    ],
)
def test_containers(name: str, state: dict[str, Any] | None, said: str) -> None:
    found = stack._container(Silent(), name, state and {"State": state, "RestartCount": 1})
    assert found is not None and found.state is State.FAULT and said in found.said


def test_containers_that_are_as_they_should_be() -> None:
    assert stack._container(Silent(), "consent", CONTAINER) is None
    assert stack._container(Silent(), "migrate", {"State": {"Status": "exited", "ExitCode": 0}}) is None


def test_the_command_ends_with_one_where_there_is_a_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    env = {"SECRETS": str(tmp_path / "none"), "PATH": os.environ["PATH"]}
    assert main(["--json"], env) == 1
    found = json.loads(capsys.readouterr().out)
    assert {"settings", "secrets"} <= {f["check"] for f in found if f["state"] == "fault"}
    assert main([], env) == 1
    assert "mend: make secrets" in capsys.readouterr().out
