"""What a FHIR search on Consent asks for, compared with what is public of a consent: nothing is opened that does not match."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from services.consent.application.fhir_versions import Written
from services.consent.domain.fhir import codes
from services.consent.domain.fhir.rendering import Version, status_of
from shared.contracts.consent_policy import ConsentStatus

FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Token:
    """`code`, `system|code`, `|code` or `system|` (R4, Search: token)."""

    system: str | None
    code: str

    def matches(self, system: str, code: str) -> bool:
        return (self.system is None or self.system == system) and (not self.code or self.code == code)


@dataclass(frozen=True, slots=True)
class Range:
    """A date parameter: `prefix` and the span that its value stands for, the end excluded."""

    prefix: str
    start: datetime
    end: datetime

    def matches(self, start: datetime, end: datetime) -> bool:
        """Against the span from `start` up to `end` (R4, Search: date)."""
        match self.prefix:
            case "eq":
                return self.start <= start and end <= self.end
            case "ne":
                return not (self.start <= start and end <= self.end)
            case "gt":
                return end > self.end
            case "ge":
                return end > self.start
            case "lt":
                return start < self.start
            case "le":
                return start < self.end
            case "sa":
                return start >= self.end
            case _:
                return end <= self.start


@dataclass(frozen=True, slots=True)
class Search:
    """Every list is to be met; of its alternatives any one."""

    client_id: UUID
    count: int
    tokens: tuple[tuple[str, tuple[Token, ...]], ...] = ()
    """parameter (`_id`, status, category, purpose, security-label, identifier) and its alternatives"""
    actors: tuple[tuple[str, ...], ...] = ()
    """`sub`s"""
    periods: tuple[Range, ...] = ()
    updated: tuple[Range, ...] = ()

    def public(self, written: Written, status: ConsentStatus) -> bool:
        """Whether it matches by all that is public of it."""
        state, policy = written.state, list(written.state.form.policy.every())
        held: dict[str, list[tuple[str, str]]] = {
            "_id": [("", str(state.consent_id))],
            "status": [("", _shown(written, status))],
            "category": [_split(c) for c in written.categories],
            "purpose": [(codes.ACT_REASON, c) for p in policy for c in p.purposes],
            "security-label": [(_label_system(c), c) for p in policy for c in p.labels],
        }
        period = state.form.period.instants()
        named = {sub for p in policy for sub in p.actors}
        at = written.last.recorded_at
        return (
            all(_any(held[name], wanted) for name, wanted in self.tokens if name in held)
            and all(named.intersection(wanted) for wanted in self.actors)
            and all(r.matches(period.start, period.end or FOREVER) for r in self.periods)
            and all(r.matches(at, at) for r in self.updated)
        )

    @property
    def sealed(self) -> Callable[[dict[str, object]], bool]:
        """Whether an opened resource matches by what was sealed: its business identifiers."""
        wanted = [tokens for name, tokens in self.tokens if name == "identifier"]

        def matches(resource: dict[str, object]) -> bool:
            held = [(str(i.get("system", "")), str(i.get("value", ""))) for i in _dicts(resource.get("identifier"))]
            return all(_any(held, tokens) for tokens in wanted)

        return matches


def _shown(written: Written, status: ConsentStatus) -> str:
    sent = written.source.status if written.source is not None else None
    return status_of(Version(written.state, status, written.last.recorded_at, "", sent))


def _any(held: list[tuple[str, str]], wanted: tuple[Token, ...]) -> bool:
    return any(token.matches(system, code) for token in wanted for system, code in held)


def _split(token: str) -> tuple[str, str]:
    system, _, code = token.rpartition("|")
    return system, code


def _label_system(code: str) -> str:
    return codes.CONFIDENTIALITY if code in ("U", "L", "M", "N", "R", "V") else codes.ACT_CODE


def _dicts(value: object) -> list[dict[str, object]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []
