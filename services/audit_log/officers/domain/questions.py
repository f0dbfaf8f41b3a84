"""The unexplained in plain, careful sentences: what is known and what is not, and no word on why."""

from collections.abc import Iterable
from typing import Final

from services.audit_log.officers.domain.explanations import Mark

SENTENCES: Final = {
    Mark.SELF: "The client and the person who looked appear to be the same person.",
    Mark.SAME_ADDRESS: "Client and person have the same address.",
    Mark.SAME_SURNAME: "Client and person share a surname, which may be chance.",
    Mark.COLLEAGUE: "The client works here.",
    Mark.WATCHED: "This record is marked as in need of special care.",
    Mark.REFUSED_BEFORE: "The same person had been refused for this client within the two days before.",
    Mark.SEARCHED: "It was opened from a search over clients.",
    Mark.BURST: "It is one of very many clients whom the person opened within an hour.",
    Mark.RARE_HOUR: "It was at an hour when this practice hardly ever works.",
    Mark.NO_RELATIONSHIP: "No care relationship between them is recorded.",
    Mark.NOT_YET: "Their care relationship began only later.",
    Mark.ENDED: "Their care relationship had ended.",
    Mark.SELF_ENTERED: "They entered their care relationship themselves.",
    Mark.NEVER_CHARTED: "The person has never written anything about this client.",
    Mark.CARE_OVER: "Nobody had written about this client's care for four months around it.",
    Mark.GRANT_OPEN: "It rests on break-glass, which nobody has found justified yet.",
    Mark.NO_ERRAND: "No intake, consent or session stands near it that the office would have worked on.",
    Mark.NOBODY_SUPERVISED: "Nobody whom they supervise was at work with this client.",
    Mark.REPEATED: "It happened on more than one day.",
}

NOTHING_NEAR: Final = "Nothing that the log can see accounts for it."


def sentences(marks: Iterable[str]) -> list[str]:
    """Those of the marks, in the order in which a reader wants them; a mark of a later release is left out."""
    given = set(marks)
    return [text for mark, text in SENTENCES.items() if mark.value in given] or [NOTHING_NEAR]
