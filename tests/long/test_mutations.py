"""Mutation test of the decision engine: every mutant of its modules against the unit tests; at least nine in ten must be noticed.

Each mutant is tried in a fork of its own over a copy of the sources. Those that survive are printed; `survivors.md` says why.
`MUTATION_SAMPLE=n` tries every n-th only, `MUTATION_MODULES=index,walk` some modules only.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.mutation import Mutant, mutants

ROOT = Path(__file__).parents[2]
DOMAIN = Path("services/audit_log/domain")
MODULES = [
    *(DOMAIN / f"{name}.py" for name in ("decision", "policy", "release", "grants")),
    # citations and their texts decide nothing
    *(p.relative_to(ROOT) for p in sorted((ROOT / DOMAIN / "rules").glob("*.py")) if p.stem not in ("__init__", "rule")),
]
TESTS = [
    *(f"tests/unit/audit_log/test_rules_of_{what}.py" for what in ("law", "consent", "roles")),
    "tests/unit/audit_log/test_grounds_and_edges.py",
    *(
        f"tests/unit/audit_log/{what}"
        for what in (
            "law",
            "test_refusals.py",
            "test_engine_parts.py",
            "test_index_and_walk.py",
            "test_moments.py",
            "test_who_may_what.py",
        )
    ),
]
SECONDS = 120
KILLED = 0.9
WORKERS = os.cpu_count() or 2


def shown(results: Iterable[str | None], total: int) -> Iterator[str | None]:
    """With progress on the terminal: this takes half an hour."""
    for number, result in enumerate(results, 1):
        if result is not None or number % 50 == 0:
            print(f"{number}/{total} {result or ''}", file=sys.__stderr__, flush=True)
        yield result


class Runner:
    """A copy of the sources, and a process that runs the tests over it once a mutant (tests/support/mutation_runner.py)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for part in ("services", "shared", "infra", "tests"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(ROOT / "pyproject.toml", folder / "pyproject.toml")
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "tests.support.mutation_runner", *TESTS],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline()) != "ready\n":
            assert line, "the runner does not start"

    def survives(self, module: Path, mutant: Mutant) -> bool:
        assert self._process.stdin is not None and self._process.stdout is not None
        (self._folder / module).write_text(mutant.source)
        try:
            self._process.stdin.write(f"{SECONDS}\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline()) == 0
        finally:
            shutil.copyfile(ROOT / module, self._folder / module)

    def close(self) -> None:
        self._process.communicate()


@pytest.mark.long
def test_nine_in_ten_mutants_of_the_decision_engine_are_noticed(tmp_path: Path) -> None:
    chosen = os.environ.get("MUTATION_MODULES", "")
    modules = [m for m in MODULES if not chosen or m.stem in chosen.split(",")]
    every = [(module, mutant) for module in modules for mutant in mutants((ROOT / module).read_text())]
    every = every[:: int(os.environ.get("MUTATION_SAMPLE", "1"))]
    runners = [Runner(tmp_path / str(n)) for n in range(WORKERS)]
    as_it_is = Mutant("as it is", (ROOT / MODULES[0]).read_text())
    assert all(runner.survives(MODULES[0], as_it_is) for runner in runners), "the unit tests fail as they are"
    free = list(runners)

    def tried(job: tuple[Path, Mutant]) -> str | None:
        runner = free.pop()
        try:
            module, mutant = job
            return f"{module.relative_to(DOMAIN)}: {mutant.where}" if runner.survives(module, mutant) else None
        finally:
            free.append(runner)

    with ThreadPoolExecutor(WORKERS) as pool:
        surviving = [s for s in shown(pool.map(tried, every), len(every)) if s is not None]
    for runner in runners:
        runner.close()
    killed = 1 - len(surviving) / len(every)
    print(f"\n{len(every)} mutants, {killed:.1%} noticed; not noticed:", *surviving, sep="\n  ")
    assert killed >= KILLED
