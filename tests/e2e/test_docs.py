"""What README and docs tell a reader to type is typed here, or stands in a table that says where it is run."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.operator.drill_restore import BACK_UP, RESTORE
from tests.e2e.compose import OPERATED
from tests.e2e.embedded import ROOT, EmbeddedProcess

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTED_URL = "http://127.0.0.1:8100"

MAKE = {
    "run": "the `embedded` fixture: python -m infra.embedded under ENVIRONMENT=development",
    "import": "tests/e2e/test_importer.py: python -m infra.importer",
    "tour": "tests/e2e/test_courses.py: python -m infra.tour",
    "secrets": "test_make_secrets, and test-compose: python -m infra.compose.secrets",
    "backup": "test-compose: python -m infra.backup make",
    "restore": "test-compose: python -m infra.backup restore",
    "doctor": "tests/unit/compose/test_doctor.py, and test-compose: python -m infra.doctor",
    "images": "tests/unit/compose/test_images.py: python -m infra.compose.images",
    "certificates": "tests/unit/compose/test_secrets.py: python -m infra.compose.secrets --renew",
    "migrate": "tests/integration/postgres/test_running_roles.py: python -m infra.migrate",
    "help": "test_make_help",
    "rewrap": "tests/integration/keyring/test_rotation.py: python -m infra.operator.rewrap",
    "kms-audit": "tests/integration/operator/test_kms_audit.py: python -m infra.operator.kms_audit",
    "drill-restore": "tests/e2e/test_drill_restore.py: python -m infra.operator.drill_restore",
    "lint": ".ci/run",
    "setup": ".ci/run, by the target test",
    "test": ".ci/run",
    "test-long": "by hand, before a release",
    "unit": "tests/architecture/test_map.py: a part of `make test`",
    "integration": "tests/architecture/test_map.py: a part of `make test`",
    "parked": "tests/integration/operator/test_parked.py: python -m infra.operator.parked",
    "rebuild": "tests/integration/operator/test_rebuild.py: python -m infra.operator.rebuild",
    "topics": "tests/integration/messaging/test_acls.py: what python -m infra.kafka.topics does",
    "contracts": "tests/contract/test_golden_events.py: what it writes is what stands there",
    "lock": "by hand, when dependencies change: it resolves them anew",
    "detection-report": "by hand; tests/unit/alliance_measurement/test_detection_report.py runs a small one",
    "bench-review": "by hand: python -m benchmarks.review",
    "bench-costly": "by hand: python -m benchmarks.costly",
    "bench-gate": "by hand: python -m benchmarks.gate",
    "bench-pages": "by hand: python -m benchmarks.pages",
    "bench-withheld": "by hand: python -m benchmarks.withheld",
    "verifier": "tests/browser/test_verifier.py: what it writes is what stands there",
    "test-compose": "by hand where a Docker engine is: python -m tests.e2e.compose",
}
"""make target that a page names → what runs it"""
RUN_WHOLE = {"docs/operations/ledger.md": "tests/integration/audit_log/test_runbook.py"}
"""page whose every command one test runs, in their order"""
GOOD = {f"{status} {kind}" for status in (200, 201) for kind in ("application/json", "application/fhir+json")}
"""status and media type of a good answer; 201 where the command makes something"""
ANSWERS: dict[str, Callable[[Any], bool]] = {
    r"/v1/instruments/wai-sr$": lambda b: b["id"] == "wai-sr" and b["enabled"] is True,
    r"/v1/notes\?client_id=": lambda b: any(n["kind"].startswith("progress") for n in b["items"]),
    r"/v1/notes/[^?]+$": lambda b: bool(b["sections"]["plan"]),
    r"/v1/clients/[^/]+/alliance\?instrument=wai-sr$": lambda b: len(b["series"]) == 10 and b["episodes"][0]["onset"] == 7,
    r"/v1/audit/entries\?client_id=": lambda b: any(e["action"] == "create" for e in b["items"]),
    r"/v1/ehr-systems$": lambda b: b["system"] == "riverside-ehr" and b["status"] == "trusted",
    r"/fhir/R4/Consent$": lambda b: b["resourceType"] == "Consent" and b["status"] == "proposed",
    r"/fhir/R4/Consent\?": lambda b: {e["resource"]["identifier"][0]["value"] for e in b["entry"]} == {"form-7"},
    r"/v1/audit/clients/[^/]+/access-report$": lambda b: bool(b["items"]),
}
"""path of a curl line → what a good answer holds"""


@dataclass(frozen=True)
class Command:
    page: str
    line: str

    @property
    def words(self) -> list[str]:
        """Without assignments before it and the comment behind it."""
        words = shlex.split(self.line, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        return words

    def __str__(self) -> str:
        return f"{self.page}: {self.line[:60]}"


def commands() -> Iterator[Command]:
    for page in PAGES:
        for block in re.findall(r"^ *```(?:sh|bash|shell|console)\n(.*?)^ *```", page.read_text(), re.M | re.S):
            for line in block.replace("\\\n", " ").splitlines():
                if shlex.split(line, comments=True):
                    yield Command(str(page.relative_to(ROOT)), line.strip())


COMMANDS = list(commands())
CURLS = [c for c in COMMANDS if c.words[0] == "curl"]


def recipe(target: str) -> str:
    """What `make target` does."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    assert found, f"the Makefile has no target `{target}`"
    return found.group(1)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_command_is_known(command: Command) -> None:
    words = command.words
    if command.page in RUN_WHOLE:
        assert (ROOT / RUN_WHOLE[command.page]).exists()
    elif words[0] == "make":
        assert words[1] in MAKE, f"say in MAKE what runs `make {words[1]}`"
        recipe(words[1])
    elif words[:2] == ["docker", "compose"]:
        assert tuple(words[2:]) in OPERATED, "tests/e2e/compose.py does not run this"
        for name in re.findall(r"\b([A-Z_]+)=", command.line.partition("docker")[0]):
            if name == "COMPOSE_ENV_FILES":  # compose's own; tests/unit/compose/test_compose_file.py reads by it
                assert (ROOT / re.findall(rf"{name}=(\S+)", command.line)[0]).exists()
            else:
                assert f"${{{name}:" in (ROOT / "docker-compose.yml").read_text(), f"docker-compose.yml does not know {name}"
    elif words[0] in ("pg_dump", "pg_restore"):
        assert tuple(words) in (BACK_UP, RESTORE), "infra.operator.drill_restore does not run this"
    else:
        assert words[0] == "curl", f"a command that no test knows: {command.line}"


def test_there_is_something_to_type() -> None:
    assert len(CURLS) >= 4 and len(COMMANDS) >= 8


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z-]+)", "".join(p.read_text() for p in PAGES)))))
def test_targets_named_in_running_text(target: str) -> None:
    assert target in MAKE, f"say in MAKE what runs `make {target}`"
    recipe(target)


def test_the_table_tells_the_truth() -> None:
    for target, module in {
        "run": "infra.embedded",
        "import": "infra.importer",
        "secrets": "infra.compose.secrets",
        "test-compose": "tests.e2e.compose",
    }.items():
        assert f"$(PY) -m {module}" in recipe(target)
        assert module in MAKE[target]
    assert "ENVIRONMENT=development" in recipe("run")
    run = (ROOT / "tests/e2e/embedded.py").read_text()
    assert '"-m", "infra.embedded"' in run and '"ENVIRONMENT": "development"' in run
    assert '"-m", "infra.importer"' in (ROOT / "tests/e2e/test_importer.py").read_text()
    in_ci = (ROOT / ".ci/run").read_text().splitlines()
    assert {"make lint", "make test"} <= set(in_ci)


def test_make_secrets(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "infra.compose.secrets", str(tmp_path / "secrets")], cwd=ROOT, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "secrets/consent/seed.hex").exists()


def test_make_help() -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in shown.splitlines()} >= MAKE.keys()


def banner(embedded: EmbeddedProcess) -> tuple[dict[str, str], list[Command]]:
    """What the last start printed: variables to export, and lines worth trying."""
    text = embedded.log().rpartition("A demo clinic")[2]
    exports = dict(re.findall(r"^ *export (\w+)=(\S+)$", text, re.M))
    return exports, [Command("banner", line.strip()) for line in text.splitlines() if line.strip().startswith("curl ")]


def run_curl(command: Command, embedded: EmbeddedProcess) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    exports, _ = banner(embedded)
    line = command.line.replace(DOCUMENTED_URL, embedded.url) + " -w '\\n%{http_code} %{content_type}'"
    asked = next(w for w in shlex.split(line) if w.startswith("http")).removeprefix(embedded.url)
    unset = set(re.findall(r"\$(\w+)", line)) - exports.keys()
    assert not unset, f"`make run` prints no {unset}"
    done = subprocess.run(
        ["sh", "-c", line],
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*", **exports},
        capture_output=True,
        text=True,
        timeout=30,
    )
    head, _, told = done.stdout.rpartition("\n")
    assert done.returncode == 0 and told in GOOD, done.stdout[-800:] + done.stderr
    body = json.loads(head[head.index("{") :])
    checks = [check for pattern, check in ANSWERS.items() if re.search(pattern, asked)]
    assert checks, f"say in ANSWERS what {asked} should hold"
    assert all(check(body) for check in checks), head[-800:]
    if "-si" in command.words:
        assert "audit-entry: " in head.lower()


@pytest.mark.parametrize("command", CURLS, ids=str)
def test_documented_curl(command: Command, embedded: EmbeddedProcess) -> None:
    run_curl(command, embedded)


def test_curl_lines_of_the_banner(embedded: EmbeddedProcess) -> None:
    exports, lines = banner(embedded)
    assert {"THERAPIST", "CLIENT", "INTAKE", "OFFICER", "ADMINISTRATOR", "EHR", "CLIENT_ID"} <= exports.keys()
    assert len(lines) == 3
    for line in lines:
        run_curl(line, embedded)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_relative_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"[a-z]+:|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name} links to {target}"


def test_the_tests_that_the_security_page_names_exist() -> None:
    text = (ROOT / "docs/security.md").read_text()
    named = set(re.findall(r"`((?:e2e|integration|unit|contract|property|architecture|upgrade)/[\w/.]*)`", text))
    assert len(named) > 8
    for name in sorted(named):
        path = ROOT / "tests" / name
        assert path.is_file() or [*path.rglob("test_*.py")], f"security.md names {name}: there is no test"


def test_settings_of_the_deployment_page_exist() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    rows = re.findall(r"^\| (`[A-Z].*?) \|", (ROOT / "docs/operations/deploy.md").read_text(), re.M)
    names = re.findall(r"`([A-Z_]+)`", " ".join(rows))
    assert len(names) > 8
    assert not [n for n in names if f"${{{n}:" not in compose]
