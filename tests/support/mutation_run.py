"""A mutation run over some modules: each mutant in a fork of its own, over a copy of the sources, against the tests named for it.

`MUTATION_SAMPLE=n` tries every n-th mutant only, `MUTATION_MODULES=tokens,field` some modules only.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support.mutation import Mutant, mutants

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 120
WORKERS: Final = int(os.environ.get("MUTATION_WORKERS", "0")) or os.cpu_count() or 2


@dataclass(frozen=True)
class Subject:
    """Modules, and the tests that are to notice their mutants."""

    modules: Sequence[Path]
    tests: Sequence[str]
    anew: str = "services,infra,tests"
    """packages that are imported anew for each mutant"""


@dataclass
class Found:
    mutants: int = 0
    surviving: list[str] = field(default_factory=list)

    @property
    def noticed(self) -> float:
        return 1 - len(self.surviving) / max(self.mutants, 1)


def run(subjects: Iterable[Subject], folder: Path) -> Found:
    """Every mutant of every subject, those that survive by name. AssertionError where the tests fail as they are."""
    found = Found()
    copies = [_copy(folder / str(n)) for n in range(WORKERS)]
    beside = ROOT.parent / "shared"
    if beside.is_dir() and not (folder / "shared").exists():
        (folder / "shared").symlink_to(beside)  # test vectors that lie beside the tree
    chosen = os.environ.get("MUTATION_MODULES", "")
    for subject in subjects:
        modules = [m for m in subject.modules if not chosen or m.stem in chosen.split(",")]
        every = [(module, mutant) for module in modules for mutant in mutants((ROOT / module).read_text())]
        every = every[:: int(os.environ.get("MUTATION_SAMPLE", "1"))]
        if every:
            found.mutants += len(every)
            found.surviving += _surviving(subject, every, copies)
    return found


def _surviving(subject: Subject, every: Sequence[tuple[Path, Mutant]], copies: Sequence[Path]) -> list[str]:
    runners = [Runner(copy, subject) for copy in copies]
    module = every[0][0]
    as_it_is = Mutant("as it is", (ROOT / module).read_text())
    assert all(runner.survives(module, as_it_is) for runner in runners), f"the tests fail as they are: {subject.tests}"
    free = list(runners)

    def tried(job: tuple[Path, Mutant]) -> str | None:
        runner = free.pop()
        try:
            return f"{job[0]}: {job[1].where}" if runner.survives(*job) else None
        finally:
            free.append(runner)

    with ThreadPoolExecutor(len(runners)) as pool:
        surviving = [s for s in _shown(pool.map(tried, every), module, len(every)) if s is not None]
    for runner in runners:
        runner.close()
    return surviving


def _shown(results: Iterable[str | None], module: Path, total: int) -> Iterator[str | None]:
    """With progress on the terminal: this takes half an hour."""
    for number, result in enumerate(results, 1):
        if result is not None or number % 50 == 0 or number == total:
            print(f"{module.parent} {number}/{total} {result or ''}", file=sys.__stderr__, flush=True)
        yield result


def _copy(folder: Path) -> Path:
    for part in ("services", "shared", "infra", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "pyproject.toml", folder / "pyproject.toml")
    (folder / "docs").symlink_to(ROOT / "docs")  # some tests compare with a page
    return folder


class Runner:
    """A process over a copy of the sources that runs the tests once a mutant (tests/support/mutation_runner.py)."""

    def __init__(self, folder: Path, subject: Subject) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "tests.support.mutation_runner", subject.anew, *subject.tests],
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
