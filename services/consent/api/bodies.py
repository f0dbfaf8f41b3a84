"""Request bodies: strict, unknown fields refused, every fault by its pointer."""

from typing import Annotated, Final, TypeVar
from uuid import UUID

from pydantic import AfterValidator, Field
from starlette.requests import Request

from services.consent.api.described import PeriodGiven, PolicyGiven
from services.consent.domain.consent import Form
from services.consent.domain.events import Attestation, Grantor
from services.consent.domain.jurisdictions import MinorAlone
from services.consent.domain.policies import Subject
from services.consent.domain.standing import Signer
from shared.contracts.consent_policy import ConsentKind, RelationshipRole
from shared.http.body import Body, parse, raw_body
from shared.http.problems import Fault, Problem, invalid
from shared.values.time import DayText

MAX_WORDS: Final = 10_000
"""characters of a reason or a description of evidence"""

B = TypeVar("B", bound=Body)


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_said)]
Words = Annotated[str, Field(min_length=1, max_length=MAX_WORDS), AfterValidator(_said)]


class GrantorBody(Body):
    role: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_said)]
    name: Name
    authority: Annotated[str, Field(max_length=MAX_WORDS)] | None = None


class MinorAloneBody(Body):
    """A service to which a minor consents alone. The age is checked against the jurisdiction's row, and not kept."""

    service: Annotated[str, Field(min_length=1, max_length=64)]
    age: Annotated[int, Field(ge=0, le=30)]


class ConsentBody(Body):
    client_id: UUID
    kind: ConsentKind
    grantor: GrantorBody
    policy: PolicyGiven
    period: PeriodGiven
    elements: dict[str, str | None] = Field(default_factory=dict, max_length=64)
    """null stands for one that is not there yet"""
    recipients: tuple[Subject, ...] = Field(default=(), max_length=100)
    part2: bool = False
    jurisdiction: Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")] | None = None
    """ISO 3166-1 alpha-2, or 3166-2: its limits of confidentiality are to be explained one by one"""
    limits_explained: tuple[Annotated[str, Field(max_length=64)], ...] = Field(default=(), max_length=50)
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
            policy=self.policy,
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
    recipient: Subject | None = None


class RelationshipBody(Body):
    client_id: UUID
    practitioner_id: Subject
    role: RelationshipRole
    period: PeriodGiven


class EndBody(Body):
    """Empty: a relationship ends now."""


async def read_optional(request: Request, model: type[B]) -> tuple[B, bytes]:
    """Like `read_json`, where no body at all stands for an empty one."""
    raw = await raw_body(request) or b"{}"
    kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if raw != b"{}" and kind != "application/json":
        raise Problem(415, "media-type", "Unsupported media type", "Send application/json.")
    return parse(model, raw), raw
