"""One module writes CSV, so that no table leaves with a cell that a spreadsheet takes for a formula."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENCODER = ROOT / "shared/values/csv_text.py"
SOURCES = [p for folder in ("services", "shared", "infra", "benchmarks") for p in (ROOT / folder).rglob("*.py") if p != ENCODER]
WRITERS = {"writer", "DictWriter"}
READERS = {"reader", "DictReader", "Error", "Dialect", "excel", "field_size_limit", "register_dialect", "get_dialect"}


def writers(source: str) -> list[str]:
    """How this module reaches a writer of CSV: each use of `csv` that is not known as harmless; `to_csv` of data frames."""
    found: list[str] = []
    names = {"csv"}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.asname for a in node.names if a.name in ("csv", "_csv") and a.asname}
        if isinstance(node, ast.ImportFrom) and node.module in ("csv", "_csv"):
            found += [a.name for a in node.names if a.name not in READERS]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            of_csv = isinstance(node.value, ast.Name) and node.value.id in names and node.attr not in READERS
            if (of_csv and not node.attr.startswith("QUOTE_")) or node.attr == "to_csv":
                found.append(node.attr)
    return found


@pytest.mark.parametrize("file", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_other_module_writes_csv(file: Path) -> None:
    assert not writers(file.read_text()), f"use {ENCODER.relative_to(ROOT)}"


@pytest.mark.parametrize(
    "source",
    [
        "import csv\ncsv.writer(out)",
        "import csv\ncsv.DictWriter(out, [])",
        "import csv as table\ntable.writer(out)",
        "from csv import writer",
        "from csv import DictWriter as d",
        "import _csv as c\nc.writer(out)",
        "from csv import *",
        "frame.to_csv(out)",
    ],
)
def test_each_way_to_a_writer_is_found(source: str) -> None:
    assert writers(source)


def test_the_encoder_itself_is_found() -> None:
    assert writers(ENCODER.read_text()) == ["writer"]


def test_reading_is_free() -> None:
    assert not writers("import csv\ncsv.reader(f, strict=True)\nexcept_ = csv.Error\nq = csv.QUOTE_ALL")
