"""For whom somebody can speak just now: what a signature, a refusal or a withdrawal is worth."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.consent.domain.errors import NotAllowed, NotNow
from shared.contracts.consent_policy import RepresentativePower
from shared.identity.roles import Role


class Signer(StrEnum):
    CLIENT = "client"
    REPRESENTATIVE = "representative"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known about the client and about the caller when something is signed or withdrawn."""

    minor: bool = False
    """a parent, or a guardian for minority, acts for the client now"""
    incapacitated_since: datetime | None = None
    powers: frozenset[RepresentativePower] | None = None
    """what the calling representative may do now; None where nobody is registered as this client's representative, and the
    identity provider's word that they are one has to do"""

    def may(self, power: RepresentativePower) -> bool:
        return self.powers is None or power in self.powers


ADULT = Standing()
"""of age, with capacity, and nobody registered to act for them"""


def given_by(role: Role, said: Signer | None, standing: Standing, power: RepresentativePower, *, alone: bool) -> Signer:
    """Whose word this is. Raises NotAllowed where a representative may not, NotNow where a client cannot give it just now.

    `alone`: the law lets this minor decide by themselves, and keeps representatives out.
    """
    signer = Signer.REPRESENTATIVE if role is Role.REPRESENTATIVE else said or Signer.CLIENT
    if signer is Signer.REPRESENTATIVE:
        if alone:
            raise NotAllowed("The client decides about this service alone: nobody signs or withdraws it for them.")
        if role is Role.REPRESENTATIVE and not standing.may(power):
            raise NotAllowed(f"No authority to {power} for this client is registered for you at this time: intake registers it.")
    elif power is RepresentativePower.SIGN and standing.incapacitated_since is not None:
        raise NotNow(
            "The client's capacity to consent is recorded as lost: who represents them signs, or it waits until it is regained."
        )
    return signer
