"""What writing a consent answers: ids and state, no word of the form."""

from collections.abc import Callable
from datetime import datetime

from services.consent.domain.consent import Consent
from shared.http.idempotency import Answer

AnswerOf = Callable[[Consent, datetime, bool], Answer]
"""(state after, now, whether a decision can come out differently) → what is answered and kept"""


def summary(state: Consent, now: datetime) -> dict[str, object]:
    """What a write answers: ids and state, no word of the form."""
    return {
        "id": str(state.consent_id),
        "status": str(state.status(now)),
        "version": state.version,
        "missing": list(state.missing),
    }


def answered(status: int) -> AnswerOf:
    return lambda state, now, _: Answer(status, summary(state, now))


def revoked(state: Consent, now: datetime, counts: bool) -> Answer:
    """What is kept with the revocation. One that was only proposed opened nothing, so it is enforced at once."""
    body = summary(state, now)
    del body["missing"]
    if state.revoked_recipients:
        body["revoked_recipients"] = list(state.revoked_recipients)
    return Answer(200, {**body, "enforced": not counts, "enforced_after_ms": None if counts else 0})
