"""Every event type this service ever wrote."""

from typing import Final

from services.alliance_measurement.administrations.domain.administration import AdministrationAnswered, AdministrationRequested
from services.alliance_measurement.outcomes.domain.outcome import OutcomeCorrected, OutcomeRecorded
from services.alliance_measurement.release.domain.release import ReleaseChosen
from services.alliance_measurement.risk.domain.risk import RISK_EVENTS
from shared.contracts.alliance import PromptPrepared
from shared.sealing.event import EventTypes

EVENT_TYPES: Final = EventTypes(
    AdministrationRequested,
    AdministrationAnswered,
    OutcomeRecorded,
    OutcomeCorrected,
    ReleaseChosen,
    PromptPrepared,
    *RISK_EVENTS,
)
