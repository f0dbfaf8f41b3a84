"""Whatever stands in the clear in an event, stored or sent by any service, stands there on purpose and says why.

Identifiers (UUID), times and yes/no values are read past; every other leaf, however deep in the model, is sealed or listed here.
Database columns have their own list: tests/integration/sealing/test_columns.py.
"""

from collections.abc import Iterator
from datetime import date, datetime
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

from infra.contracts.catalogue import EVENTS, HANDLED
from shared.contracts.messages import MESSAGES
from shared.sealing.event import Event, sealed_fields
from shared.sealing.field import Sealed

_QUIET: Final = (UUID, datetime, date, bool, NoneType)

_WHO: Final = "`sub` of staff, or of the client as a party to their own consent: metadata in the clear (docs/security.md)"
_CODE: Final = "a code out of a fixed list: the gate and projections decide by it"
_POLICY: Final = "the machine-readable part of a consent: the gate decides by it, and it holds codes and `sub`s, no words"
_READING: Final = "a path into the form and a sentence out of a fixed list: never a word that was sent"
_DAY: Final = "a date in ISO 8601, kept with the precision in which it was given"
_COUNT: Final = "a version or sequence number"
_TRACE: Final = "names ciphertext or a key without opening it: of no use to whoever holds it"
_GROUND: Final = "a citation of law, one line, as the API asks for: an officer can misuse it as a note (docs/security.md)"
_INSTRUMENT: Final = "which questionnaire, not what was answered: schedules and charts are found by it"

PUBLIC: Final[dict[str, str]] = {
    **dict.fromkeys(("author", "by", "consented_by", "recorded_by", "skipped_by"), _WHO),
    **dict.fromkeys(("approved_by", "requested_by", "placed_by", "released_by"), _WHO),
    **dict.fromkeys(("addressee", "practitioner_id", "therapist_id", "person", "payer", "recipient", "recipients[]"), _WHO),
    **dict.fromkeys(("revoked_recipients[]", "granted_by"), _WHO),
    **dict.fromkeys(("read_strictly[].pointer", "read_strictly[].because"), _READING),
    **dict.fromkeys(("kind", "role", "rater", "signer", "record_type", "key_classes[]", "service"), _CODE),
    **dict.fromkeys(("covers[]", "dialect", "jurisdiction", "missing[]", "type", "event_type", "message_type"), _CODE),
    "topic": _CODE,
    "tenant": "which practice",
    # names that elsewhere stand for words are public in these events alone
    **dict.fromkeys(("because", "what"), _CODE),
    "erasure.refused: reason": _CODE,
    "erasure.retained: rule": _CODE,
    "consent.reconsent-due: because": _CODE,
    "consent.representative-ended: because": _CODE,
    "consent.representative-appointed: authority": _CODE,
    "consent.policy-changed: authority": _CODE,
    "consent.consent-expired: cause": _CODE,
    "consent.fhir-source-recorded: status": _CODE,
    "consent.policy-changed: status": _CODE,
    "consent.amendment-denied: basis": _CODE,
    "erasure.requested: basis": _GROUND,
    "hold.placed: basis": _GROUND,
    "session-notes.note-stopped-waiting: ended": _CODE,
    "receipt.message-skipped: error": "class of the exception, never its text",
    "receipt.message-skipped: reason": "an operator's, one line: an operator holds no key and sees no payload",
    **dict.fromkeys(("scope[]", "categories[]", "limits_explained[]", "may[]"), _CODE),
    **dict.fromkeys(("therapist", "supervisor"), "who sees the client's ratings: the gate enforces it without opening anything"),
    **dict.fromkeys(("excluded_labels[]", "excluded_record_ids[]", "labels[]", "record_ids[]"), _POLICY),
    **dict.fromkeys(("purposes[]", "resource_types[]", "policy.base", "policy.combining", "policy.dialect"), _POLICY),
    **{f"policy.provisions[].{name}": _POLICY for name in ("type", "actions[]", "actors[]", "labels[]", "purposes[]")},
    **{f"policy.provisions[].{name}": _POLICY for name in ("resource_types[]", "roles[]")},
    **{f"policy.provisions[].{p}.{end}": _DAY for p in ("period", "data_period") for end in ("start", "end")},
    **{f"{period}.{end}": _DAY for period in ("period", "data_period") for end in ("start", "end")},
    **dict.fromkeys(("on", "received_on", "review_on"), _DAY),
    **dict.fromkeys(("form_version", "instrument_version", "of_version", "entry", "head"), _COUNT),
    "instrument": _INSTRUMENT,
    **dict.fromkeys(("digest", "kids[]", "key_id"), _TRACE),
}  # fmt: skip


def leaves(path: str, form: Any, above: tuple[Any, ...] = ()) -> Iterator[str]:
    """Paths of what could hold words or numbers. A model inside itself is walked once."""
    if form in _QUIET or form is Sealed or get_origin(form) is Sealed or form in above:
        return
    if hasattr(form, "__metadata__"):
        yield from leaves(path, get_args(form)[0], above)
    elif get_origin(form) in (tuple, list, set, frozenset, dict):
        for part in get_args(form):
            if part is not Ellipsis:
                yield from leaves(f"{path}[]", part, above)
    elif get_origin(form) is Literal:
        yield path
    elif get_args(form):
        for part in get_args(form):
            yield from leaves(path, part, above)
    elif isinstance(form, type) and issubclass(form, BaseModel):
        for name, info in form.model_fields.items():
            yield from leaves(f"{path}.{name}" if path else name, info.annotation, (*above, form))
    else:
        yield path


def in_the_clear(model: type[Event]) -> set[str]:
    sealed = sealed_fields(model)
    fields = {name: info for name, info in model.model_fields.items() if name not in sealed}
    return {leaf for name, info in fields.items() for leaf in leaves(name, info.annotation)}


def events() -> list[type[Event]]:
    return [model for types in (*EVENTS.values(), HANDLED) for model in types.models]


def written() -> set[tuple[str, str]]:
    """(type, leaf) of everything that an event leaves open."""
    return {(model.TYPE, leaf) for model in events() for leaf in in_the_clear(model)}


def sent() -> set[tuple[str, str]]:
    return {(m.type, leaf) for m in MESSAGES.values() for leaf in leaves("", m.form)}


def unlisted(found: set[tuple[str, str]]) -> set[str]:
    return {f"{name}: {leaf}" for name, leaf in found if leaf not in PUBLIC} - set(PUBLIC)


def test_what_an_event_leaves_open_is_public_on_purpose() -> None:
    assert not unlisted(written()), "seal it (Annotated[Sealed[…], KeyClass.…]), or list it in PUBLIC with the reason"


def test_what_a_message_leaves_open_is_public_on_purpose() -> None:
    assert not unlisted(sent())


def test_the_list_holds_nothing_that_no_event_has() -> None:
    real = written() | sent()
    assert not set(PUBLIC) - {leaf for _, leaf in real} - {f"{name}: {leaf}" for name, leaf in real}


def test_no_score_answer_name_or_text_is_on_the_list() -> None:
    """The words that a reviewer would stumble over, so that a list grown in haste does not take them in."""
    for path in PUBLIC:
        leaf = path.rpartition(".")[2].removesuffix("[]")
        assert leaf not in {
            "reason",
            "basis",
            "status",
            "cause",
            "name",
            "text",
            "words",
            "note",
            "score",
            "scores",
            "answers",
            "sections",
            "birth_date",
            "address",
        }


def test_the_walk_sees_what_was_forgotten() -> None:
    """The control: an event with a free text in the clear, on the first level and below, is noticed."""

    class Inner(BaseModel):
        remark: str
        again: "Inner | None" = None

    class Forgetful(Event):
        TYPE = "test.forgetful"
        RECORD = "client_id"
        phq: int
        inner: tuple[Inner, ...]
        at: datetime

    assert in_the_clear(Forgetful) == {"phq", "inner[].remark"}
