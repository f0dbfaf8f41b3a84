"""A request that is refused as a whole, before or instead of a decision on each record."""

from shared.contracts.disclosure import Refusal


class Refused(Exception):
    """The whole request is refused; `reason` is a code for the ledger."""

    def __init__(self, refusal: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.refusal, self.reason = refusal, reason
