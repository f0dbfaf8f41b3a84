"""A consent's scope in plain words, from its machine-readable part alone: what goes along with a disclosure made by it."""

from collections.abc import Iterable, Iterator

from shared.contracts.consent_policy import ConsentSet, Provision

_KINDS = {
    "part2_tpo": "A consent under 42 CFR Part 2 to uses and disclosures for treatment, payment and health care operations",
    "part2_counselling_notes": "A consent under 42 CFR Part 2 to disclosures of substance use disorder counselling notes",
}


def scope_of(consent: ConsentSet) -> str:
    """What it covers, from when until when, what it permits and what it holds back. No name but the ids that it names."""
    until = f" until {consent.period.end:%Y-%m-%d}" if consent.period.end else ", with no end date"
    kind = _KINDS.get(consent.kind.value, f"A consent of kind {consent.kind.value}")
    lines = [
        f"{kind}, from {consent.period.start:%Y-%m-%d}{until}.",
        f"It covers {_list(c.replace('_', ' ') for c in consent.covers)}." if consent.covers else "",
        "Who has a current relationship to the client is permitted, unless a line below says otherwise."
        if consent.policy.base == "permit"
        else "Everything is denied that no line below permits."
        if consent.policy.refuses
        else "Nothing is permitted that no line below permits.",
        *_provisions(consent.policy.provisions, 0),
        f"It was withdrawn from {_list(consent.revoked_recipients)}." if consent.revoked_recipients else "",
        "It may be revoked at any time; what was done in reliance on it before stays done.",
    ]
    return "\n".join(line for line in lines if line)


def _provisions(provisions: Iterable[Provision], depth: int) -> Iterator[str]:
    for p in provisions:
        verb = "Permits" if p.type == "permit" else "Denies"
        parts = [
            f"{word} {_list(values)}"
            for word, values in (
                ("to", p.actors), ("to the role", p.roles), ("for", p.purposes), ("to do", p.actions), ("of", p.resource_types),
                ("labelled", p.labels),
            )
            if values
        ]  # fmt: skip
        yield f"{'  ' * depth}- {verb}{' except' if depth else ''}: {', '.join(parts) or 'everything'}."
        yield from _provisions(p.provisions, depth + 1)


def _list(values: Iterable[str]) -> str:
    return " or ".join(values)
