"""Results as every benchmark writes them: `benchmarks/results/<name>.json` and a table on the screen."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"
_JUDGED = {True: "met", False: "NOT met", None: "not judged"}


@dataclass(frozen=True)
class Figure:
    figure: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    goal: str | None = None
    met: bool | None = None
    reason: str | None = None
    peer_version: str | None = None
    samples: tuple[float, ...] | None = None
    """what `value` is made of, in the order it was measured"""
    peer_samples: tuple[float, ...] | None = None


def compared(
    figure: str,
    unit: str,
    samples: list[float],
    *,
    peer: str,
    peer_version: str | None,
    peer_samples: list[float],
    at_least: float | None = None,
    at_most: float | None = None,
) -> Figure:
    """Medians of both sides' rounds, and whether their ratio is within the goal."""
    value, peer_value = median(samples), median(peer_samples)
    ratio = value / peer_value
    goal, met = None, None
    if at_least is not None:
        goal, met = f"≥ {at_least} ×", ratio >= at_least
    elif at_most is not None:
        goal, met = f"≤ {at_most} ×", ratio <= at_most
    return Figure(
        figure,
        round(value, 3),
        unit,
        peer,
        round(peer_value, 3),
        round(ratio, 3),
        goal,
        met,
        peer_version=peer_version,
        samples=tuple(samples),
        peer_samples=tuple(peer_samples),
    )


def write(name: str, figures: list[Figure]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps([_row(f) for f in figures], indent=1, ensure_ascii=False) + "\n")
    width = max(len(f.figure) for f in figures)
    for f in figures:
        peer = f"   {f.peer}: {f.peer_value:,.4g} {f.unit}   ratio {f.ratio:.2f}" if f.peer_value and f.ratio else ""
        goal = f"   goal {f.goal}: {_JUDGED[f.met]}" if f.goal else ""
        reason = f" ({f.reason})" if f.reason else ""
        print(f"{f.figure:<{width}}  {f.value:>10,.4g} {f.unit:<12}{peer}{goal}{reason}")


def _row(figure: Figure) -> dict[str, Any]:
    """Samples only where there are some."""
    return {k: v for k, v in asdict(figure).items() if v is not None or k not in ("peer_version", "samples", "peer_samples")}
