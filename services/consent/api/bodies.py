"""Request bodies: strict, unknown fields refused, every fault by its pointer."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from services.consent.api.described import PeriodGiven, described
from services.consent.domain.consent import Form
from services.consent.domain.elements import MAX_TEXT
from services.consent.domain.events import Attestation, Grantor
from services.consent.domain.jurisdictions import MinorAlone
from services.consent.domain.policies import GivenPolicy, GivenProvision
from services.consent.domain.standing import Signer
from shared.contracts.consent_policy import ConsentKind, RelationshipRole
from shared.entry.text import Exact, Line, Lines
from shared.http.body import Body
from shared.http.problems import Fault, invalid
from shared.values.time import DayText

MAX_WORDS: Final = 10_000
"""characters of a reason or a description of evidence"""


Name = Annotated[str, Line(200)]
Words = Annotated[str, Lines(MAX_WORDS)]
Sub = Annotated[str, Exact(200)]
"""`sub` of a person or system, as in their token"""


class EnteredProvision(GivenProvision):
    """As it comes in. What an earlier release took and stored is read by the looser `GivenProvision`."""

    actors: tuple[Sub, ...] = Field(default=(), max_length=100)
    provisions: tuple["EnteredProvision", ...] = Field(default=(), max_length=100)


class EnteredPolicy(GivenPolicy):
    provisions: tuple[EnteredProvision, ...] = Field(default=(), max_length=100)

    def given(self) -> GivenPolicy:
        return GivenPolicy.model_validate(self.model_dump())


class GrantorBody(Body):
    role: Annotated[str, Line(64)]
    name: Name
    authority: Annotated[str, Lines(MAX_WORDS, shortest=0)] | None = None


class MinorAloneBody(Body):
    """A service to which a minor consents alone. The age is checked against the jurisdiction's row, and not kept."""

    service: Annotated[str, Exact(64)]
    age: Annotated[int, Field(ge=0, le=30)]


class ConsentBody(Body):
    client_id: UUID
    kind: ConsentKind
    grantor: GrantorBody
    policy: Annotated[EnteredPolicy, described(EnteredPolicy)]
    period: PeriodGiven
    elements: dict[str, Annotated[str, Lines(MAX_TEXT, shortest=0)] | None] = Field(default_factory=dict, max_length=64)
    """null stands for one that is not there yet"""
    recipients: tuple[Sub, ...] = Field(default=(), max_length=100)
    part2: bool = False
    jurisdiction: Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")] | None = None
    """ISO 3166-1 alpha-2, or 3166-2: its limits of confidentiality are to be explained one by one"""
    limits_explained: tuple[Annotated[str, Exact(64)], ...] = Field(default=(), max_length=50)
    minor_alone: MinorAloneBody | None = None
    review_on: DayText | None = None
    supersedes: UUID | None = None
    ends_with_event: bool = False
    """it ends with an event, which `elements.expiry` names: only then can others note that it happened (…/expirations)"""

    def form(self) -> Form:
        return Form(
            client_id=self.client_id,
            kind=self.kind,
            grantor=Grantor(role=self.grantor.role, name=self.grantor.name, authority=self.grantor.authority),
            policy=self.policy.given(),
            period=self.period,
            elements={name: text or "" for name, text in self.elements.items()},
            recipients=self.recipients,
            part2=self.part2,
            jurisdiction=self.jurisdiction,
            limits_explained=self.limits_explained,
            minor_alone=MinorAlone(self.minor_alone.service, self.minor_alone.age) if self.minor_alone else None,
            review_on=self.review_on,
            supersedes=self.supersedes,
            ends_with_event=self.ends_with_event,
        )


class SignatureBody(Body):
    """Empty for one's own signature; at intake with who saw it and how it was given."""

    witness: Name | None = None
    evidence: Words | None = None
    signer: Signer | None = None
    """at intake: whose signature was seen; the client's where it is left out"""

    def attestation(self) -> Attestation | None:
        """422 where only one of the two is there."""
        if self.witness is not None and self.evidence is not None:
            return Attestation(witness=self.witness, evidence=self.evidence)
        if self.witness is None and self.evidence is None:
            return None
        lacking = "/witness" if self.witness is None else "/evidence"
        raise invalid([Fault(lacking, "witness and evidence go together")])


class RevocationBody(Body):
    """Empty withdraws the whole consent; with a recipient it is withdrawn from them alone."""

    reason: Words | None = None
    recipient: Sub | None = None


class RelationshipBody(Body):
    client_id: UUID
    practitioner_id: Sub
    role: RelationshipRole
    period: PeriodGiven


class EndBody(Body):
    """Empty: a relationship ends now."""
