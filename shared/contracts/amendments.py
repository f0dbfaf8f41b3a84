"""`consent.v1`: what goes along with a record that a client wanted amended (45 CFR 164.526(c)(1), (d)(5)).

The record itself is never touched. Who holds it shows which amendment or disagreement there is; the words stay sealed in consent,
under the class of consent evidence, and are opened by `GET /v1/amendment-requests/{id}` under a decision of its own.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Final
from uuid import UUID

from shared.contracts.records import KeyClass
from shared.sealing.event import Event
from shared.sealing.field import Sealed

AMENDMENT_ACCEPTED: Final = "consent.amendment-accepted"
DISAGREEMENT_STATED: Final = "consent.disagreement-stated"


class AmendmentEvent(Event):
    RECORD: ClassVar[str] = "amendment_id"
    amendment_id: UUID
    at: datetime
    by: str
    role: str


class AmendmentAccepted(AmendmentEvent):
    """The correction stands here, beside the original, and goes with every disclosure of it."""

    TYPE: ClassVar[str] = AMENDMENT_ACCEPTED
    amended_record: UUID
    text: Annotated[Sealed[str], KeyClass.CONSENT_EVIDENCE]


class DisagreementStated(AmendmentEvent):
    """The client's statement of disagreement (164.526(d)(2)): it goes with every disclosure of the record."""

    TYPE: ClassVar[str] = DISAGREEMENT_STATED
    amended_record: UUID
    statement: Annotated[Sealed[str], KeyClass.CONSENT_EVIDENCE]
