"""What a decision rested on besides policy, as it stands in its ledger entry: enough to decide again what was decided (ADR 0033).

Policy has sequences and is replayed from its log; the registry never changes. What else could differ later is written down.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.grants import Grant, GrantStatus
from services.audit_log.decision.domain.open_notes import Standings, standing_of
from services.audit_log.decision.domain.release import UNCHOSEN, ReleaseChoice
from shared.contracts.disclosure import ReleaseAudience


@dataclass(frozen=True, slots=True)
class Circumstances:
    settings: int = 0
    """version of the tenant's settings; 0: never chosen"""
    releases: Mapping[str, ReleaseChoice] = field(default_factory=dict)
    """client id → what they had chosen, where it was looked at and they had"""
    grants: tuple[Grant, ...] = ()
    registration: str | None = None
    """of the record system that asked, where an administrator had registered it"""
    solo: bool | None = None
    """of a token with several roles: whether it was that of a solo practice's practitioner"""

    notes: Standings = field(default_factory=dict)
    """of progress notes that a client, or who acts for them, asked for"""

    def detail(self, agent: Agent, client_id: str, record_ids: Iterable[str] = ()) -> dict[str, Any]:
        """For the entry of that client, about these records; empty where everything was as usual."""
        found: dict[str, Any] = {}
        closed = {i: written for i in record_ids if i in self.notes and (written := self.notes[i].written())}
        if closed:
            found["notes"] = closed
        if self.settings:
            found["settings"] = self.settings
        release = self.releases.get(client_id)
        if release is not None:
            found["release"] = {
                "therapist": release.therapist.value,
                "supervisor": release.supervisor.value,
                "delay_days": release.delay.days,
            }
        if self.grants:
            found["grants"] = [_written(g) for g in self.grants]
        if agent.client_id is not None:
            found["acts_for"] = agent.client_id
        if agent.link_digest is not None:
            found["link"] = agent.link_digest
        if self.registration is not None:
            found["registration"] = self.registration
        if self.solo is not None:
            found["solo"] = self.solo
        return found


def release_of(detail: Mapping[str, Any]) -> ReleaseChoice:
    release = detail.get("release")
    if release is None:
        return UNCHOSEN
    return ReleaseChoice(
        ReleaseAudience(release["therapist"]), ReleaseAudience(release["supervisor"]), timedelta(days=release["delay_days"])
    )


def notes_of(detail: Mapping[str, Any], record_ids: Iterable[str]) -> Standings:
    written = detail.get("notes", {})
    return {i: standing_of(written.get(i)) for i in record_ids}


def grants_of(detail: Mapping[str, Any]) -> tuple[Grant, ...]:
    return tuple(
        Grant(
            id=g["id"],
            sub=g["sub"],
            client_id=g["client_id"],
            purpose=g["purpose"],
            scope=frozenset(g["scope"]),
            status=GrantStatus(g["status"]),
            expires_at=datetime.fromisoformat(g["expires_at"]),
            approved_by=g["approved_by"],
        )
        for g in detail.get("grants", ())
    )


def decided_at(detail: dict[str, Any], at: datetime) -> datetime:
    """As of when an entry's decision was made: of a late one, not when it was entered."""
    late = detail.get("late")
    return datetime.fromisoformat(late["decided_as_of"]) if late and "decided_as_of" in late else at


def _written(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.id,
        "sub": grant.sub,
        "client_id": grant.client_id,
        "purpose": grant.purpose,
        "scope": sorted(grant.scope),
        "status": grant.status.value,
        "expires_at": grant.expires_at.isoformat(),
        "approved_by": grant.approved_by,
    }
