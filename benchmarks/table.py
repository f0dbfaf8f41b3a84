"""Results as every benchmark writes them: `benchmarks/results/<name>.json` and a table on the screen."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


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


def write(name: str, figures: list[Figure]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps([asdict(f) for f in figures], indent=1) + "\n")
    width = max(len(f.figure) for f in figures)
    for f in figures:
        peer = f"   {f.peer}: {f.peer_value:,.4g} {f.unit}   ratio {f.ratio:.2f}" if f.peer_value and f.ratio else ""
        goal = f"   goal {f.goal}: {'met' if f.met else 'NOT met'}" if f.goal else ""
        print(f"{f.figure:<{width}}  {f.value:>10,.4g} {f.unit:<12}{peer}{goal}")
