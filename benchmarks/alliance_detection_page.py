"""docs/alliance-detection.md and its picture, from the simulated figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final

from services.alliance_measurement.courses.domain.strain import StrainRules


@dataclass(frozen=True)
class Cell:
    """Shares of courses, 0 to 1; pairs are (strain, strain or watch). The delay is in sessions."""

    false_strain: float
    false_watch: float
    one_three: tuple[float, float]
    one_lasting: tuple[float, float]
    two_three: tuple[float, float]
    two_lasting: tuple[float, float]
    early: tuple[float, float]
    drift: tuple[float, float]
    delay: float
    repaired_wrongly: float
    repaired_rightly: float


_HEAD: Final = (
    "| courses | false strain | false watch | 1 SD × 3 | 1 SD lasting | 2 SD × 3 | 2 SD lasting | 2 SD from session 3 | −.5 a session,"
    " by session 16 | delay | repaired, wrongly | repaired, rightly |"
)


def percent(share: float) -> str:
    return "–" if isnan(share) else f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"


def both(pair: tuple[float, float]) -> str:
    return f"{percent(pair[0])} / {percent(pair[1])}"


def row(name: str, c: Cell) -> str:
    delay = "–" if isnan(c.delay) else f"{c.delay:.0f}"
    cells = (
        percent(c.false_strain),
        percent(c.false_watch),
        *(both(p) for p in (c.one_three, c.one_lasting, c.two_three, c.two_lasting, c.early, c.drift)),
        delay,
        percent(c.repaired_wrongly),
        percent(c.repaired_rightly),
    )
    return f"| {name} | {' | '.join(cells)} |"


def table(cells: Mapping[str, Cell]) -> list[str]:
    return [_HEAD, "|" + "---|" * _HEAD.count(" |"), *(row(name, c) for name, c in cells.items())]


def goals(base: Cell, growth: Cell, default: Mapping[str, Cell], limits: Mapping[str, float]) -> list[str]:
    """Each goal of the default rule with its figure, and whether it is met."""
    grid = [c for name, c in default.items() if name.startswith("within-SD")]
    half = 0.5 * base.two_lasting[1]
    near = {name: limits[name] - getattr(base, name)[0] for name in limits}
    rows = (
        ("false strain in a stable course of 20, ≤ 5 %", percent(base.false_strain), base.false_strain <= 0.05),
        ("the same over the whole grid", percent(max(c.false_strain for c in grid)), max(c.false_strain for c in grid) <= 0.05),
        ("false watch, ≤ 20 %", percent(base.false_watch), base.false_watch <= 0.2),
        ("the same over the whole grid", percent(max(c.false_watch for c in grid)), max(c.false_watch for c in grid) <= 0.2),
        ("2 SD × 3 found at strain or watch, ≥ 60 %", percent(base.two_three[1]), base.two_three[1] >= 0.6),
        ("2 SD lasting found at strain or watch, ≥ 90 %", percent(base.two_lasting[1]), base.two_lasting[1] >= 0.9),
        (
            "strain at most 10 points below the oracle, which also has 5 % false courses (largest distance)",
            f"{100 * max(near.values()):.0f} points",
            max(near.values()) <= 0.1,
        ),
        (
            "under growth of +.4 a session at most 10 points less (2 SD × 3, watch)",
            f"{100 * (base.two_three[1] - growth.two_three[1]):.0f} points",
            base.two_three[1] - growth.two_three[1] <= 0.1,
        ),
        ("2 SD from session 3 found at least half as often as from session 10", percent(base.early[1]), base.early[1] >= half),
        ("−.5 a session found by session 16, ≥ 70 % (watch)", percent(base.drift[1]), base.drift[1] >= 0.7),
        ("lasting falls ever called repaired, ≤ 5 %", percent(base.repaired_wrongly), base.repaired_wrongly <= 0.05),
    )
    return ["| goal | figure | met |", "|---|---|---|", *(f"| {g} | {f} | {'yes' if met else 'no'} |" for g, f, met in rows)]


def page(
    n: int,
    rules: StrainRules,
    default: Mapping[str, Cell],
    fitted: Mapping[str, Cell],
    limits: Mapping[str, float],
    others: Mapping[str, float],
) -> str:
    base, growth = default["within-SD 3.5, φ 0.3, spread of SD 0.0"], default["growth +.4 a session"]
    oracle = ", ".join(
        f"{label} {percent(limits[key])}"
        for key, label in (
            ("one_three", "1 SD × 3"),
            ("one_lasting", "1 SD lasting"),
            ("two_three", "2 SD × 3"),
            ("two_lasting", "2 SD lasting"),
        )
    )
    return "\n".join(
        [
            "# How well strain is detected",
            "",
            "Made by `make detection-report` from simulated courses; do not edit. No client's data is in it.",
            "",
            f"Each cell holds {n:,} courses: whole points from 12 to 60, total standard deviation 9, a fluctuation that carries over",
            "from session to session (φ). SD means the within-client standard deviation. A fall begins at session 10 unless said",
            "otherwise; *× 3* lasts three sessions, *lasting* goes on to the end. Pairs are *strain* / *strain or watch*.",
            "The delay is the median number of sessions from the fall to the alarm, where there is one.",
            "",
            "![Power by the size of a lasting fall](pictures/alliance-detection.svg)",
            "",
            "## What this means for a clinic",
            f"With the default constants about one stable course in {1 / max(base.false_strain, 0.001):.0f} is called strained once in",
            "20 sessions. A fall of two SD that lasts is nearly always found. Of lasting falls of one SD about a third are found; who knew",
            "each client's mean exactly would find half at this rate. An alarm is a reason to talk, not a finding about a person.",
            "",
            "## Goals of the default rule",
            *goals(base, growth, default, limits),
            "",
            "What is not met, and why:",
            "- **Over the whole grid.** The default constants say SD 3.5 and φ .3. Where clients fluctuate more, or carry more over, there",
            "  are more false alarms; where they fluctuate less, falls are missed. The second table has the same courses judged by the",
            "  constants of their own clinic: the rate of false alarms is then as it should be everywhere. So estimate your own.",
            "- **Beside the oracle.** The oracle knows each client's mean exactly. After nine sessions a mean is known to about half a",
            "  standard deviation, and the spread less well: the distance is the price of not knowing the client yet.",
            "- **Growth.** When scores rise by .4 a session, a fall of 7 points is partly a return to where the client was some sessions",
            "  ago. From nine sessions the slope is known to about ± .5 a session, so growth cannot be told from none in time. A prior",
            "  that expects more growth finds more here and raises more false alarms in courses that do not grow.",
            "",
            f"The oracle (knows mean, spread, φ and the length of the fall; 5 % false courses): {oracle}.",
            "",
            "## With the default constants",
            f"Within-client SD {rules.within_sd}, φ {rules.phi}, watch above {rules.watch}, strain above {rules.strain}, repaired above"
            f" {rules.repaired} (natural logarithms of Bayes factors).",
            "",
            *table(default),
            "",
            "## With the constants of each cell",
            "",
            *table(fitted),
            "",
            "## The other rules, in stable courses (SD 3.5, φ .3)",
            "They run side by side and open nothing. Shares of courses of 20 sessions in which they flag at least one session:",
            "",
            "| rule | flags a stable course |",
            "|---|---|",
            *(f"| {name} | {percent(share)} |" for name, share in others.items()),
            "",
            "*reliable change opens* is the rule that opened episodes before. A reliable change is one that exceeds error of",
            "measurement. Ordinary fluctuation of a client is larger, so *reliable* does not mean *unusual for this client*.",
            "",
            "## Series A",
            "44 45 46 45 47 46 38 41 46 47 48 48. Reliable change: one episode, onset 7, repaired 9. The default rule: evidence 2.4 at",
            "session 7, below *watch* (2.95): six sessions are too few to be sure that eight points are unusual for this client.",
            "",
        ]
    )


_COLOURS: Final = {"strain": "#1f5673", "strain or watch": "#c2571a", "reliable change": "#6b6b6b"}


def picture(sizes: Sequence[float], curves: Mapping[str, Sequence[float]]) -> str:
    """Share of courses with an alarm against the size of a lasting fall, in SD. At 0 it is the rate of false alarms."""
    left, top, wide, high = 64, 20, 520, 260

    def at(size: float, share: float) -> str:
        return f"{left + wide * size / sizes[-1]:.1f},{top + high * (1 - share):.1f}"

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 340" role="img" font-family="system-ui, sans-serif" font-size="13">',
        "<title>Share of courses with an alarm, by the size of a lasting fall</title>",
        '<rect width="760" height="340" fill="#ffffff"/>',
    ]
    for tenth in range(0, 11, 2):
        y = top + high * (1 - tenth / 10)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + wide}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#333333">{tenth * 10} %</text>')
    for size in sizes:
        x = left + wide * size / sizes[-1]
        parts.append(f'<text x="{x:.1f}" y="{top + high + 20}" text-anchor="middle" fill="#333333">{size:g}</text>')
    parts.append(
        f'<text x="{left + wide / 2}" y="{top + high + 44}" text-anchor="middle" fill="#333333">'
        "size of a fall that lasts from session 10 on, in within-client SD</text>"
    )
    for number, (name, shares) in enumerate(curves.items()):
        points = " ".join(at(size, share) for size, share in zip(sizes, shares, strict=True))
        colour, y = _COLOURS[name], top + 14 + 24 * number
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts.append(f'<line x1="600" y1="{y - 4}" x2="624" y2="{y - 4}" stroke="{colour}" stroke-width="2.5"/>')
        parts.append(f'<text x="630" y="{y}" fill="#333333">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
