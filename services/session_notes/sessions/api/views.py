"""A session as the JSON that callers see, with the notices that go with it. An erased one has the same shape, emptied."""

from dataclasses import asdict
from typing import Any, Final

from services.session_notes.desk.api.surface import ENTERED_IN_ERROR, ERASED
from services.session_notes.sessions.application.sessions import SessionRead
from services.session_notes.sessions.domain.facts import at_the_place, is_late
from services.session_notes.sessions.domain.service_codes import suggested
from services.session_notes.sessions.domain.sessions import SessionDetails
from shared.gate.ask import Opened
from shared.identity.roles import Role

_NO_DETAILS: Final[dict[str, Any]] = {
    name: [] if info.default == () else None for name, info in SessionDetails.model_fields.items()
}
"""of an erased session: the same shape, emptied"""


def session_view(read: SessionRead, opened: Opened, *, to: Role) -> dict[str, Any]:
    """`members`, the other clients who came, are shown to staff alone: a client's own record does not list others. So are the
    service codes that nobody has chosen yet."""
    state, facts = read.state, read.details
    details = dict(_NO_DETAILS) if facts is None else facts.model_dump(mode="json")
    details |= {"late_entry": facts is not None and is_late(facts.ended_at, state.created_at, facts.zone)}
    details |= {"at_the_place": None if facts is None or facts.zone is None else _local(facts, facts.zone)}
    if to in (Role.CLIENT, Role.REPRESENTATIVE):
        del details["members"]
    else:
        details["suggested_services"] = [] if facts is None else [asdict(one) for one in suggested(facts)]
    return {
        "id": str(state.session_id),
        "client_id": str(state.client_id),
        "therapist_id": state.therapist_id,
        "held": state.held,
        "status": _status(read),
        "in_error": _in_error(read),
        "erased": read.details is None,
        **details,
        "notices": opened.notices(state.session_id),
        "version": state.version,
        "created_at": state.created_at,
        "changed_at": state.changed_at,
    }


def _local(facts: SessionDetails, zone: str) -> dict[str, str | None]:
    return at_the_place(facts.started_at, facts.ended_at, zone)


def _status(read: SessionRead) -> str:
    if read.details is None:
        return ERASED
    return "recorded" if read.state.in_error is None else ENTERED_IN_ERROR


def _in_error(read: SessionRead) -> dict[str, Any] | None:
    mark = read.state.in_error
    return None if mark is None else {"reason": read.in_error or "", "by": mark.by, "at": mark.at}
