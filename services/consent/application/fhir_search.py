"""What a FHIR search on Consent asks for, compared with what is public of a consent: nothing is opened that does not match."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from services.consent.application.fhir_versions import Written
from services.consent.domain.fhir import codes
from services.consent.domain.fhir.rendering import Version, status_of
from shared.contracts.consent_policy import ConsentStatus
from shared.http.fhir_search import FOREVER, Span, Token


@dataclass(frozen=True, slots=True)
class Search:
    """Every list is to be met; of its alternatives any one."""

    client_id: UUID
    count: int
    tokens: tuple[tuple[str, tuple[Token, ...]], ...] = ()
    """parameter (`_id`, status, category, purpose, security-label, identifier) and its alternatives"""
    actors: tuple[tuple[str, ...], ...] = ()
    """`sub`s"""
    periods: tuple[tuple[Span, ...], ...] = ()
    updated: tuple[tuple[Span, ...], ...] = ()

    def public(self, written: Written, status: ConsentStatus) -> bool:
        """Whether it matches by all that is public of it."""
        state, policy = written.state, list(written.state.form.policy.every())
        held: dict[str, list[tuple[str, str]]] = {
            "_id": [("", str(state.consent_id))],
            "status": [(codes.STATUS, _shown(written, status))],
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
            and all(any(s.matches(period.start, period.end or FOREVER) for s in spans) for spans in self.periods)
            and all(any(s.matches_instant(at) for s in spans) for spans in self.updated)
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
