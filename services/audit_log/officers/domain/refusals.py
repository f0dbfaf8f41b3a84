"""Why nobody was signed in, in words. The address of a page carries the code alone, never what the provider sent."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Refusal(StrEnum):
    ATTEMPT = "attempt"
    OVER = "over"
    MIXED = "mixed"
    DECLINED = "declined"
    CODE = "code"
    TOKEN = "token"  # noqa: S105
    SIZE = "size"
    ROLE = "role"
    AWAY = "away"
    LEDGER = "ledger"


class Refused(Exception):
    """Nobody was signed in."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(frozen=True, slots=True)
class Told:
    status: int
    text: str


TOLD: Final[dict[Refusal, Told]] = {
    Refusal.ATTEMPT: Told(400, "This sign-in was not begun in this browser, or was used already. Begin again."),
    Refusal.OVER: Told(400, "This sign-in took longer than ten minutes. Begin again."),
    Refusal.MIXED: Told(400, "The answer did not come from this deployment's identity provider. Nobody was signed in."),
    Refusal.DECLINED: Told(403, "Your identity provider did not sign you in."),
    Refusal.CODE: Told(400, "Your identity provider does not take this sign-in any more. Begin again."),
    Refusal.TOKEN: Told(401, "What your identity provider sent does not hold for this deployment. Ask an operator."),
    Refusal.SIZE: Told(422, "Your access token is too long for a browser to keep. Ask an operator for one with fewer claims."),
    Refusal.ROLE: Told(403, "These pages are for compliance officers; you signed in as somebody else."),
    Refusal.AWAY: Told(503, "Your identity provider cannot be reached, or does not answer as it should. Nobody was signed in."),
    Refusal.LEDGER: Told(503, "The ledger cannot be written just now, so nobody was signed in."),
}
