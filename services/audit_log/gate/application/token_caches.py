"""Tokens of whoever a policy change touches are verified again: nothing that was cached outlives a revocation.

Decisions are never cached; a token's verification is, until it ends (`shared.identity.tokens`).
"""

from collections.abc import Iterator

from shared.contracts.consent_policy import (
    ConsentSet,
    ConsentStatus,
    PolicyChange,
    Provision,
    RelationshipSet,
    RepresentativeSet,
)
from shared.identity.tokens import TokenVerifier


def end_caches(tokens: TokenVerifier, change: PolicyChange) -> None:
    """Forget what is cached for the client and for those whom a revocation or an end shuts out."""
    match change:
        case ConsentSet():
            if change.status is not ConsentStatus.ACTIVE or change.revoked_recipients:
                tokens.forget(client_id=str(change.client_id))
                for sub in {*change.recipients, *change.revoked_recipients, *_actors(change.policy.provisions)}:
                    tokens.forget(sub=sub)
        case RelationshipSet():
            if change.end is not None:
                tokens.forget(sub=change.practitioner_id)
        case RepresentativeSet():
            tokens.forget(sub=change.person)
        case _:
            tokens.forget(sub=change.payer)


def _actors(provisions: tuple[Provision, ...]) -> Iterator[str]:
    for p in provisions:
        yield from p.actors
        yield from _actors(p.provisions)
