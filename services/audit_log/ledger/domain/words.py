"""Actions and records in plain words, as every report and page says them. No name and no id."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

VERBS: Final = {
    "create": ("wrote", "write"),
    "read": ("read", "read"),
    "search": ("looked through", "look through"),
    "update": ("changed", "change"),
    "sign": ("signed", "sign"),
    "cosign": ("co-signed", "co-sign"),
    "return": ("returned to its author", "return to its author"),
    "answer": ("answered", "answer"),
    "revoke": ("withdrew", "withdraw"),
    "export": ("exported", "export"),
    "compute": ("computed from", "compute from"),
    "lookup": ("looked for a client", "look for a client"),
}
"""action → done, tried to"""
Things = Mapping[str, tuple[str, str]]
"""record type → one, many"""
THINGS: Final[Things] = {
    "client": ("personal details", "personal details"),
    "session": ("a session record", "session records"),
    "progress_note": ("a session note", "session notes"),
    "psychotherapy_note": ("a session note", "session notes"),
    "consent": ("a consent", "consents"),
    "relationship": ("a care relationship", "care relationships"),
    "representative": ("a representative's authority", "representatives' authorities"),
    "capacity": ("a note on capacity", "notes on capacity"),
    "restriction": ("a restriction", "restrictions"),
    "amendment": ("an amendment request", "amendment requests"),
    "administration": ("a questionnaire", "questionnaires"),
    "outcome": ("an outcome score", "outcome scores"),
    "release_choice": ("a choice of who sees ratings", "choices of who sees ratings"),
    "repair_prompt": ("a prompt to talk about the alliance", "prompts to talk about the alliance"),
}
"""both kinds of session notes read alike (ADR 0050)"""


def listed(record_types: Iterable[str], things: Things = THINGS) -> str:
    """The records counted by kind, as in `a session note and 2 questionnaires`; empty where there are none."""
    counted = Counter(things.get(one, ("a record", "records")) for one in record_types)
    parts = [one if number == 1 or one == many else f"{number} {many}" for (one, many), number in counted.items()]
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1] if parts else ""
