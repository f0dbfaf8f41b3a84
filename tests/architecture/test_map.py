"""The map of the repository is true: every path that it names is there, and its tables are the code's own."""

import re
from pathlib import Path

import pytest

from tests.architecture.test_layers import CAPABILITIES

ROOT = Path(__file__).parents[2]
ARCHITECTURE = ROOT / "docs/architecture.md"
PAGES = [ARCHITECTURE, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "services").glob("*/README.md"))]
_PATH = re.compile(r"`([A-Za-z_.-]+(?:/[A-Za-z0-9_.-]+)*/?)`")
_LINK = re.compile(r"\]\(([^)#]+)\)")


def named_paths(page: Path) -> list[str]:
    """What looks like a path: it has a slash and a known first folder, or lies in the page's own service."""
    found = []
    for name in _PATH.findall(page.read_text()):
        first = name.split("/")[0]
        if "/" in name and "*" not in name and ((ROOT / first).exists() or (page.parent / first).exists()):
            found.append(name)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_each_path_that_a_page_names_is_there(page: Path) -> None:
    paths = named_paths(page)
    assert paths
    missing = [name for name in paths if not (ROOT / name).exists() and not (page.parent / name).exists()]
    assert not missing
    assert not [link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()]


@pytest.mark.parametrize("service", CAPABILITIES)
def test_the_table_of_capabilities_is_the_one_that_is_tested(service: str) -> None:
    section = ARCHITECTURE.read_text().split(f"## The capabilities of {service}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", section, re.MULTILINE)
    everything = ", ".join(name for name, _ in rows[:-1])
    table = {name: right.replace("all of them", everything) for name, right in rows}
    read = {name: tuple(n.strip() for n in right.split(",") if n.strip() != "–") for name, right in table.items()}
    assert read == CAPABILITIES[service]


def test_each_decision_is_listed_once() -> None:
    listed = re.findall(r"\((\d{4}-[^)]+\.md)\)", (ROOT / "docs/adr/README.md").read_text())
    assert sorted(listed) == sorted(p.name for p in (ROOT / "docs/adr").glob("[0-9]*.md"))
    numbers = [name[:4] for name in listed]
    assert len(set(numbers)) == len(numbers)


def test_each_service_has_a_page_of_its_own() -> None:
    for service in (ROOT / "services").iterdir():
        if (service / "bootstrap.py").exists():
            assert len((service / "README.md").read_text().splitlines()) <= 15, service


def test_what_contributors_type_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    typed = set(re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert typed <= targets
