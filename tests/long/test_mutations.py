"""Mutation test of the decision engine: every mutant of its modules against the unit tests; at least nine in ten must be noticed.

Each mutant is tried in a process of its own over a copy of the sources. Those that survive are printed. `MUTATION_SAMPLE=n`
tries every n-th only, `MUTATION_MODULES=index,walk` some modules only.
"""

import os
import shutil
import subprocess
import sys
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
    *(f"tests/unit/audit_log/{what}" for what in ("law", "test_engine_parts.py", "test_index_and_walk.py")),
]
SECONDS = 120
KILLED = 0.9
WORKERS = os.cpu_count() or 2


def survives(folder: Path, module: Path, mutant: Mutant) -> bool:
    (folder / module).write_text(mutant.source)
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *TESTS]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    finally:
        shutil.copyfile(ROOT / module, folder / module)
    return done.returncode == 0


@pytest.mark.long
def test_nine_in_ten_mutants_of_the_decision_engine_are_noticed(tmp_path: Path) -> None:
    folders = [tmp_path / str(n) for n in range(WORKERS)]
    for folder in folders:
        for part in ("services", "shared", "infra", "tests"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(ROOT / "pyproject.toml", folder / "pyproject.toml")
    assert survives(folders[0], MODULES[0], Mutant("as it is", (ROOT / MODULES[0]).read_text())), (
        "the unit tests fail as they are"
    )
    chosen = os.environ.get("MUTATION_MODULES", "")
    modules = [m for m in MODULES if not chosen or m.stem in chosen.split(",")]
    every = [(module, mutant) for module in modules for mutant in mutants((ROOT / module).read_text())]
    every = every[:: int(os.environ.get("MUTATION_SAMPLE", "1"))]
    free = list(folders)

    def tried(job: tuple[Path, Mutant]) -> str | None:
        folder = free.pop()
        try:
            module, mutant = job
            return f"{module.relative_to(DOMAIN)}: {mutant.where}" if survives(folder, module, mutant) else None
        finally:
            free.append(folder)

    with ThreadPoolExecutor(WORKERS) as pool:
        surviving = [s for s in pool.map(tried, every) if s is not None]
    killed = 1 - len(surviving) / len(every)
    print(f"\n{len(every)} mutants, {killed:.1%} noticed; not noticed:", *surviving, sep="\n  ")
    assert killed >= KILLED
