"""A page of what the caller may read."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    items: list[dict[str, Any]]
    next: int | None
    """place of the last item; None where no more follow"""
    entries: tuple[int, ...]
