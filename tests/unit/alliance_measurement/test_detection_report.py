"""The report on the strain rules: made from a few courses, and in the documents as it was made from many."""

import re
from pathlib import Path

from benchmarks import alliance_detection
from services.alliance_measurement.courses.domain.strain import REPAIRED, STRAIN, WATCH

DOCUMENT = Path(__file__).parents[3] / "docs/alliance-detection.md"


def test_a_small_report_has_every_table_and_its_picture(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    alliance_detection.main(12, tmp_path)
    text = (tmp_path / "alliance-detection.md").read_text()
    assert text.count("\n| within-SD ") == 36
    assert (tmp_path / "pictures/alliance-detection.svg").read_text().count("<polyline") == 3


def test_the_document_is_of_the_constants_in_force() -> None:
    text = DOCUMENT.read_text()
    assert f"watch above {WATCH}, strain above {STRAIN}, repaired above {REPAIRED}" in text
    assert re.search(r"Each cell holds 10,000 courses", text)
    figure = re.search(r"false strain in a stable course of 20, ≤ 5 % \| ([\d.]+) %", text)
    assert figure and float(figure[1]) <= 5.0
