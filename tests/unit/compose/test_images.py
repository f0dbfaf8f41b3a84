"""Base images: each stands once, and the check says which are pinned by digest."""

import re
from pathlib import Path

import pytest

from infra.compose.images import FILE, images, main, unpinned

ROOT = Path(__file__).parents[3]
DIGEST = "sha256:" + "0123456789abcdef" * 4


def test_each_image_stands_once_and_is_known_to_the_check() -> None:
    compose = FILE.read_text()
    named = re.findall(r"\$\{(\w+_IMAGE):-", compose)
    assert len(named) == len(set(named)), "an image that stands twice is pinned once"
    assert set(images(compose, {})) == set(named) - {"APP_IMAGE"}
    for line in re.findall(r"^\s+image: (.*)$", compose, re.M):
        assert line.startswith("${"), f"{line}: an image is named by a setting"
    assert re.findall(r"^(?:ARG|FROM) (.*)$", (ROOT / "Dockerfile").read_text(), re.M) == ["PYTHON_IMAGE", "${PYTHON_IMAGE}"]


@pytest.mark.parametrize(
    "image", ["postgres:18", "postgres@sha256:12ab", f"postgres:18@{DIGEST.upper()}", f"postgres:18@{DIGEST}0", ""]
)
def test_what_is_not_pinned_is_said(image: str) -> None:
    assert unpinned({"POSTGRES_IMAGE": image}) == {"POSTGRES_IMAGE": image}


def test_a_digest_pins(capsys: pytest.CaptureFixture[str]) -> None:
    names = images(FILE.read_text(), {})
    assert main(dict.fromkeys(names, f"mirror.example/x:1@{DIGEST}")) == 0
    assert capsys.readouterr().out.count("pinned\t") == len(names)


def test_the_check_says_what_the_file_says(capsys: pytest.CaptureFixture[str]) -> None:
    by_tag = unpinned(images(FILE.read_text(), {}))
    assert main({}) == (1 if by_tag else 0)
    said = capsys.readouterr()
    assert sorted(re.findall(r"^by tag alone\t(\w+)=", said.out, re.M)) == sorted(by_tag)
