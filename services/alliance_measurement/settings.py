"""What may be set for this service from outside."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from services.alliance_measurement.courses.domain.strain import OPENING, Rule, StrainRules

ILLUSTRATIVE: Final = StrainRules(sd=9.0, reliability=0.92, citation="illustrative: set your own, with its citation")


@dataclass(frozen=True, slots=True)
class Settings:
    instrument_directories: tuple[Path, ...] = ()
    """definitions of the clinic's own, as with licensed text; one of a built-in id takes its place"""
    strain: Mapping[str, StrainRules] = field(default_factory=lambda: {"wai-sr": ILLUSTRATIVE})
    """constants by instrument; an instrument without them has no episodes"""
    scheduled_instrument: str = "wai-sr"
    """what a session held calls for"""
    link_lasts: timedelta = timedelta(days=7)
    """how long an answering link opens its questionnaire"""
    most_items_a_day: int = 60
    """items asked of one client within a day before a warning; it never refuses"""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        """From ALLIANCE_INSTRUMENTS (directories, joined by `:`), ALLIANCE_STRAIN_FILE (JSON: instrument → constants),
        ALLIANCE_SCHEDULED_INSTRUMENT, ALLIANCE_LINK_HOURS and ALLIANCE_MOST_ITEMS_A_DAY. ValueError where one does not hold.
        """
        chosen: dict[str, Any] = {}
        if directories := env.get("ALLIANCE_INSTRUMENTS"):
            chosen["instrument_directories"] = tuple(Path(d) for d in directories.split(":"))
        if file := env.get("ALLIANCE_STRAIN_FILE"):
            chosen["strain"] = {k: _rules(k, v) for k, v in json.loads(Path(file).read_text()).items()}
        if instrument := env.get("ALLIANCE_SCHEDULED_INSTRUMENT"):
            chosen["scheduled_instrument"] = instrument
        if most := env.get("ALLIANCE_MOST_ITEMS_A_DAY"):
            chosen["most_items_a_day"] = int(most)
        if hours := env.get("ALLIANCE_LINK_HOURS"):
            chosen["link_lasts"] = timedelta(hours=int(hours))
            if not timedelta(hours=1) <= chosen["link_lasts"] <= timedelta(days=60):
                raise ValueError("ALLIANCE_LINK_HOURS is 1 to 1440")
        return cls(**chosen)


def _rules(instrument: str, constants: Any) -> StrainRules:
    if not isinstance(constants, dict) or not str(constants.get("citation", "")).strip():
        raise ValueError(f"ALLIANCE_STRAIN_FILE: constants of {instrument} need a citation")
    try:
        rules = StrainRules(**{**constants, "opens": Rule(constants.get("opens", Rule.DYNAMIC_MODEL))})
    except TypeError:
        raise ValueError(f"ALLIANCE_STRAIN_FILE: {instrument} takes sd, reliability, citation and the rules' constants") from None
    except ValueError:
        raise ValueError(f"ALLIANCE_STRAIN_FILE: {instrument}: opens is one of {', '.join(OPENING)}") from None
    if rules.opens not in OPENING:
        raise ValueError(f"ALLIANCE_STRAIN_FILE: {instrument}: opens is one of {', '.join(OPENING)}")
    if rules.sd <= 0 or not 0 <= rules.reliability < 1 or rules.min_baseline < 2:
        raise ValueError(f"ALLIANCE_STRAIN_FILE: {instrument} needs sd > 0, 0 <= reliability < 1 and min_baseline >= 2")
    if rules.within_sd <= 0 or not 0 <= rules.phi < 1 or rules.spread_df <= 0 or not rules.watch <= rules.strain:
        raise ValueError(
            f"ALLIANCE_STRAIN_FILE: {instrument} needs within_sd > 0, 0 <= phi < 1, spread_df > 0 and watch <= strain"
        )
    return rules
