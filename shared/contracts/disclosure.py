"""`POST /v1/disclosures`: what a service asks of the gate, and what it gets.

The gate decides for each record, writes one ledger entry a client, and only then releases record keys. The caller of the
service is named by its own token (verified again by the gate), by a one-time answering link, or by a registered job.
"""

from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from shared.contracts.records import KeyClass, RecordType

MAX_RECORDS = 500
"""records in one request; a longer list is asked page by page"""


class Action(StrEnum):
    CREATE = "create"
    READ = "read"
    SEARCH = "search"
    """read of several records of a client; with no record it asks only whether the caller may search that client. The answer is
    about the records that the caller may know of, as if there were no others (ADR 0037)"""
    UPDATE = "update"
    """change of a draft, or an addendum"""
    SIGN = "sign"
    COSIGN = "cosign"
    RETURN = "return"
    """a supervisor sends a signed note back to its author, with a reason"""
    ANSWER = "answer"
    """the rater answers an administration"""
    REVOKE = "revoke"
    """the client (or who acts for them) withdraws a consent"""
    COMPUTE = "compute"
    """a job computes from sealed data; seen by nobody"""
    EXPORT = "export"
    LOOKUP = "lookup"
    """who looks for a client by identifier or name: no record and no client is named, index keys come back (ADR 0055)"""


class IndexField(StrEnum):
    """What clients are looked up by. A birth date is never a field of its own: there are too few of them."""

    IDENTIFIER = "identifier"
    NAME = "name"
    NAME_AND_BIRTH_DATE = "name_birth_date"


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of everything that crosses between services here: unknown fields are refused."""


class Reference(Wire, frozen=True, kw_only=True):
    """A record that a new record speaks of. It has to be bound already, and to the same client."""

    record_id: str
    record_type: RecordType | None = None
    """None: of any type"""


def of_session(session_id: UUID | None) -> tuple[Reference, ...]:
    """What a record of that session refers to; nothing where it is of none."""
    return () if session_id is None else (Reference(record_id=str(session_id), record_type=RecordType.SESSION),)


UNKNOWN_CLIENT: Final = "client-unknown"
"""reason of a record that was not made: its client is not registered. Answered like a client whom one may not know"""
UNKNOWN_REFERENCE: Final = "reference-unknown"
"""reason of a record that was not made: a record that it speaks of is not bound, is another client's, is of another type, or the
caller may not know of it. The four look alike"""


class RecordRef(Wire, frozen=True, kw_only=True):
    """A record as the service believes it to be. The gate compares it with its registry; a difference is refused."""

    record_id: str
    client_id: str
    record_type: RecordType
    author: str | None = None
    """create only: `sub` of the record's author (an administration's author is its rater)"""
    labels: tuple[str, ...] = ()
    """create only: security labels (v3-ActCode) and ALLIANCE_RATING"""
    refers_to: tuple[Reference, ...] = ()
    """create only; not kept"""
    cared_on: str | None = None
    """create only: the day (YYYY-MM-DD, at the place) of the care that the record speaks of. Absent: that of the session which it
    refers to; else when it is recorded"""
    link_digest: str | None = None
    """create only: SHA-256 (hex) of the secret of a one-time answering link"""


class Caller(Wire, frozen=True, kw_only=True):
    """Exactly one of the three is set."""

    token: str | None = None
    link: str | None = None
    job: str | None = None

    def __repr__(self) -> str:
        return f"Caller({'token' if self.token else 'link' if self.link else f'job={self.job!r}'})"


class DisclosureRequest(Wire, frozen=True, kw_only=True):
    tenant: str
    action: Action
    caller: Caller
    request_id: str
    records: tuple[RecordRef, ...] = ()
    subjects: tuple[str, ...] = ()
    """client ids of a search that found no record: they get their entry too. Of an export: whether the client's record may be
    exported at all, and what is left out of it (`exclusions`)"""
    most: int | None = None
    """search only: how many records are wanted. Keys and entry are about the first so many that are open to the caller; with 0
    the gate only decides: no key leaves, and no entry is made"""
    looked_up: bool = False
    """search only: of the clients whom a look-up found, perhaps none; those who are refused stand in one entry, always made"""
    missing: bool = False
    """the caller named a record that does not exist: no record and no subject is named, and it gets its entry as one that is
    not theirs to know of"""
    purpose: str | None = None
    """the X-Purpose-Of-Use header as sent; absent: the role's default, recorded as defaulted"""
    index_fields: tuple[IndexField, ...] = ()
    """whose index keys are wanted: of a lookup, or with the creation or computation of `client` records"""
    acting_role: str | None = None
    """which of the roles that the caller's token holds they act in; absent: the token's own"""
    sealed_for: str | None = None
    """export only, and always there: RFC 7638 thumbprint (SHA-256) of the public key that what is opened is sealed for again"""


class RecordKey(Wire, frozen=True, kw_only=True):
    record_id: str
    key_class: KeyClass
    kid: str
    key: bytes
    """32 bytes, for this record alone; never stored, never logged"""

    def __repr__(self) -> str:
        return f"RecordKey(record_id={self.record_id!r}, kid={self.kid!r}, key=…)"


class IndexKey(Wire, frozen=True, kw_only=True):
    """For the tokens of one field in one tenant's index of clients. It opens nothing: no data is ever sealed under it."""

    field: IndexField
    kid: str
    """which version of the tenant's index key"""
    current: bool
    """new tokens are made with it; an older one finds what was not made anew yet"""
    key: bytes
    """32 bytes; never stored, never logged"""

    def __repr__(self) -> str:
        return f"IndexKey(field={self.field!r}, kid={self.kid!r}, key=…)"


class Decision(StrEnum):
    PERMIT = "permit"
    DENY = "deny"


class Obligation(Wire, frozen=True, kw_only=True):
    """What the caller must do with what it opened."""

    record_id: str
    code: str
    """`redact` (args: labels of what to take out), `notice` (args: the text's name), `consent-scope` (args: id of the consent
    that the disclosure rests on, explanation of its scope)"""
    args: tuple[str, ...] = ()


class RecordOutcome(Wire, frozen=True, kw_only=True):
    record_id: str
    decision: Decision
    reason: str
    """a code for services and the ledger, never shown to the caller"""
    may_know: bool
    """whether the caller may learn that this record exists: decides between 403 and 404"""
    erased: bool = False
    """its key was destroyed by an erasure: show the typed placeholder"""
    held_until: str | None = None
    """of a note that is held back from its client: when that ends (RFC 3339). It may be told; what and why may not"""


class Reach(StrEnum):
    """How much of a type an exclusion takes out."""

    ALL = "all"
    """every record of it: none is asked for"""
    SOME = "some"
    """records that it concerns, without saying whether there are any"""
    FIELDS = "fields"
    """the named fields of each record"""


class Exclusion(Wire, frozen=True, kw_only=True):
    """What an export leaves out, and the ground. It is found by asking the rules about supposed records, so that it tells nothing
    of those that exist."""

    record_type: RecordType
    reach: Reach
    rule: str
    citation: str
    text: str
    fields: tuple[str, ...] = ()


class Refusal(StrEnum):
    """Why a whole request was refused."""

    IDENTITY = "identity"  # 401: the caller's token did not hold
    SCOPES = "scopes"  # 403: the SMART scopes of the caller's token do not cover it
    PURPOSE = "purpose"  # 403: the role may not claim this purpose
    STALE = "stale"  # 503: the gate cannot prove that it knows the newest consents
    REGISTRY = "registry"  # 404: a claim differs from the registry; alarm raised
    SERVICE = "service"  # 403: this service may not ask for this class
    POLICY = "policy"  # per record: see outcomes


class ReleaseAudience(StrEnum):
    IMMEDIATE = "immediate"
    DELAYED = "delayed"
    WITHHELD = "withheld"


class Ratings(StrEnum):
    """What would become of an alliance rating of this client if one were made now: the same whether there are any or not."""

    SHOWN = "shown"
    KEPT_BACK = "kept-back"
    REFUSED = "refused"


class ReleaseView(Wire, frozen=True, kw_only=True):
    """The client's choice as the gate enforces it; told to the client alone."""

    therapist: ReleaseAudience
    supervisor: ReleaseAudience


class DisclosureAnswer(Wire, frozen=True, kw_only=True):
    decision: Decision
    """permit where at least one record (or the search itself) was permitted"""
    entries: tuple[int, ...]
    """ledger indexes, one a client"""
    records: tuple[RecordOutcome, ...] = ()
    keys: tuple[RecordKey, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    refusal: Refusal | None = None
    may_know: bool = False
    """for a search without records: whether the caller may know the client"""
    ratings: Ratings | None = None
    """searches of alliance_measurement in one client's records only"""
    release: ReleaseView | None = None
    """likewise, and only where the caller is that client"""
    exclusions: tuple[Exclusion, ...] = ()
    """exports with a subject only"""
    index_keys: tuple[IndexKey, ...] = ()
    """current ones first"""


class PolicyConfirmationRequest(Wire, frozen=True, kw_only=True):
    """`POST /v1/policy-confirmations`: answers once the gate decides by policy sequence `sequence` or later."""

    tenant: str
    sequence: int


class PolicyConfirmation(Wire, frozen=True, kw_only=True):
    tenant: str
    applied: int


class ReleaseRequest(Wire, frozen=True, kw_only=True):
    """`POST /v1/releases`: the client's choice of who sees their alliance ratings; the client's own token only."""

    tenant: str
    client_id: str
    caller: Caller
    request_id: str
    therapist: ReleaseAudience | None = None
    supervisor: ReleaseAudience | None = None


class ReleaseState(Wire, frozen=True, kw_only=True):
    tenant: str
    client_id: str
    therapist: ReleaseAudience
    supervisor: ReleaseAudience
    entries: tuple[int, ...]
