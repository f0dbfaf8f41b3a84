"""Events with sealed fields: bound to where they stand, never showing what they hold, no downgrade."""

import os
import pickle
import traceback
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any, ClassVar
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.contracts.disclosure import Caller, Decision, DisclosureAnswer, RecordKey
from shared.contracts.records import KeyClass
from shared.sealing.errors import CannotOpen, CannotSeal, NotOpened, WrongKey
from shared.sealing.event import Event, EventTypes, seal, sealed_fields
from shared.sealing.field import Sealed

SECRET = "the client spoke of the river"
NOTE, CLIENT, EVENT = UUID(int=1), UUID(int=2), UUID(int=3)


class Noted(Event):
    TYPE: ClassVar[str] = "session-notes.noted"
    RECORD: ClassVar[str] = "note_id"
    note_id: UUID
    sections: Annotated[Sealed[dict[str, str]], KeyClass.PROGRESS_NOTE]
    plan: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


class Anything(Event):
    TYPE: ClassVar[str] = "session-notes.anything"
    RECORD: ClassVar[str] = "note_id"
    note_id: UUID
    body: Annotated[Sealed[Any], KeyClass.PROGRESS_NOTE]


class NotedAgain(Noted):
    """The second version of the event: `plan` is called `aim` now."""

    TYPE: ClassVar[str] = "session-notes.noted"
    SCHEMA_VERSION: ClassVar[int] = 2


TYPES = EventTypes(Noted, Anything)


def key(**changes: Any) -> RecordKey:
    parts: dict[str, Any] = {"record_id": str(NOTE), "key_class": KeyClass.PROGRESS_NOTE, "kid": "k_one", "key": b"K" * 32}
    return RecordKey(**(parts | changes))


def noted(client: UUID = CLIENT) -> Noted:
    return Noted(client_id=client, note_id=NOTE, sections=Sealed({"s": SECRET}), plan=Sealed(SECRET))


def stored(event: Event | None = None, *, tenant: str = "clinic-a", event_id: UUID = EVENT) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(seal(event or noted(), tenant=tenant, event_id=event_id, key=key(), random=os.urandom))
    return data


def load(data: dict[str, Any], *, tenant: str = "clinic-a", event_id: UUID = EVENT, version: int = 1) -> Noted:
    event = TYPES.load(tenant=tenant, event_type=Noted.TYPE, schema_version=version, event_id=event_id, data=orjson.dumps(data))
    assert isinstance(event, Noted)
    return event


def test_what_was_sealed_opens_where_it_stands() -> None:
    event = load(stored())
    assert event.plan.open(key()) == SECRET
    assert event.sections.open(key()) == {"s": SECRET}
    assert event.plan.kid == "k_one"


def test_nothing_of_it_stands_in_the_stored_bytes() -> None:
    data = stored()
    assert SECRET.encode() not in orjson.dumps(data)
    assert set(data) == {"client_id", "note_id", "plan", "sections"}
    assert set(data["plan"]) == {"$enc", "kid", "ct"}


def test_sealing_twice_gives_two_ciphertexts() -> None:
    assert stored()["plan"]["ct"] != stored()["plan"]["ct"]


def test_swapped_between_two_fields() -> None:
    data = stored()
    data["plan"], data["sections"] = data["sections"], data["plan"]
    event = load(data)
    for field in (event.plan, event.sections):
        with pytest.raises(CannotOpen):
            field.open(key())


def test_moved_to_another_event() -> None:
    with pytest.raises(CannotOpen):
        load(stored(), event_id=UUID(int=9)).plan.open(key())


def test_an_older_ciphertext_of_the_same_field_replayed() -> None:
    older, newer = stored(event_id=UUID(int=7)), stored(event_id=UUID(int=8))
    newer["plan"] = older["plan"]
    event = load(newer, event_id=UUID(int=8))
    with pytest.raises(CannotOpen):
        event.plan.open(key())


def test_moved_to_another_client() -> None:
    with pytest.raises(CannotOpen):
        load(stored() | {"client_id": str(UUID(int=9))}).plan.open(key())


def test_moved_to_another_tenant() -> None:
    with pytest.raises(CannotOpen):
        load(stored(), tenant="clinic-b").plan.open(key())


def test_claimed_to_be_of_another_schema_version() -> None:
    types = EventTypes(NotedAgain, upcasters={(Noted.TYPE, 1): lambda raw: raw})
    event = types.load(tenant="clinic-a", event_type=Noted.TYPE, schema_version=2, event_id=EVENT, data=orjson.dumps(stored()))
    assert isinstance(event, Noted)
    with pytest.raises(CannotOpen):
        event.plan.open(key())


def test_an_old_version_opens_after_upcasting() -> None:
    types = EventTypes(NotedAgain, upcasters={(Noted.TYPE, 1): lambda raw: dict(reversed(raw.items()))})
    event = types.load(tenant="clinic-a", event_type=Noted.TYPE, schema_version=1, event_id=EVENT, data=orjson.dumps(stored()))
    assert isinstance(event, NotedAgain)
    assert event.plan.open(key()) == SECRET


def test_claimed_to_be_of_another_type() -> None:
    data = stored()
    data = {"client_id": data["client_id"], "note_id": data["note_id"], "body": data["plan"]}
    event = TYPES.load(tenant="clinic-a", event_type=Anything.TYPE, schema_version=1, event_id=EVENT, data=orjson.dumps(data))
    assert isinstance(event, Anything)
    with pytest.raises(CannotOpen):
        event.body.open(key())


def test_relabelled_with_another_key_id() -> None:
    data = stored()
    data["plan"]["kid"] = "k_two"
    with pytest.raises(CannotOpen):
        load(data).plan.open(key(kid="k_two"))
    with pytest.raises(WrongKey):
        load(data).plan.open(key())


def test_the_key_of_another_record_of_the_same_client() -> None:
    with pytest.raises(CannotOpen):
        load(stored()).plan.open(key(record_id=str(UUID(int=9)), key=b"L" * 32))


def test_every_character_of_the_ciphertext_counts() -> None:
    """Also the last one, whose spare bits a lenient decoder would drop."""
    data = stored()
    text = data["plan"]["ct"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at in range(len(text)):
        other = alphabet[(alphabet.index(text[at]) ^ 1)]
        changed = data | {"plan": data["plan"] | {"ct": text[:at] + other + text[at + 1 :]}}
        with pytest.raises(CannotOpen):
            load(changed).plan.open(key())


@pytest.mark.parametrize("change", [lambda t: t + "=", lambda t: t + "\n", lambda t: "!" + t, lambda t: t[:9] + "é" + t[9:]])
def test_only_one_spelling_of_a_ciphertext_is_taken(change: Any) -> None:
    data = stored()
    data["plan"]["ct"] = change(data["plan"]["ct"])
    with pytest.raises(CannotOpen):
        load(data)


def test_cut_and_lengthened() -> None:
    data = stored()
    raw = urlsafe_b64decode(data["plan"]["ct"] + "==")
    for other in (raw[:-1], raw[:56], raw + b"\x00", b""):
        data["plan"]["ct"] = urlsafe_b64encode(other).rstrip(b"=").decode()
        with pytest.raises(CannotOpen):
            load(data).plan.open(key())


@pytest.mark.parametrize(
    "value",
    [
        {"$enc": "c0", "kid": "k_one", "ct": "AAAA"},
        {"$enc": "c2", "kid": "k_one", "ct": "AAAA"},
        {"$enc": "none", "value": SECRET},
        {"$enc": "C1", "kid": "k_one", "ct": "AAAA"},
        {"$enc": None, "kid": "k_one", "ct": "AAAA"},
        {"$enc": "c1", "kid": "k_one"},
        {"$enc": "c1", "kid": 1, "ct": "AAAA"},
        {"$enc": "c1", "kid": "k_one", "ct": 1},
        {"$enc": "c1", "kid": "k_one", "ct": "AAAA", "alg": "none"},
    ],
)
def test_no_other_format_is_taken(value: dict[str, Any]) -> None:
    with pytest.raises(CannotOpen) as error:
        load(stored() | {"plan": value})
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("value", [SECRET, None, {"s": SECRET}, [SECRET]])
def test_a_bare_value_in_place_of_a_sealed_one_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError) as error:
        load(stored() | {"plan": value})
    assert SECRET not in shown(error.value)


def test_a_version_from_the_future_is_not_guessed() -> None:
    with pytest.raises(KeyError):
        load(stored(), version=2)


def test_sealing_wants_the_key_of_its_own_record_and_class() -> None:
    for wrong in (None, key(record_id=str(UUID(int=9))), key(key_class=KeyClass.PSYCHOTHERAPY_NOTE)):
        with pytest.raises(WrongKey) as error:
            seal(noted(), tenant="clinic-a", event_id=EVENT, key=wrong, random=os.urandom)
        assert SECRET not in shown(error.value)


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)


def test_no_repr_shows_plaintext_or_key() -> None:
    open_event, closed = noted(), load(stored())
    answer = DisclosureAnswer(decision=Decision.PERMIT, entries=(1,), keys=(key(),))
    for thing in (open_event, closed, open_event.plan, closed.plan, key(), answer, [key()], {"k": key()}):
        for text in (repr(thing), str(thing), f"{thing!s}"):
            assert SECRET not in text
            assert "KKKK" not in text
    assert "bearer-secret" not in repr(Caller(token="bearer-secret")) + repr(Caller(link="bearer-secret"))


def test_a_closed_field_has_no_value_to_show() -> None:
    with pytest.raises(NotOpened):
        _ = load(stored()).plan.value


def test_an_open_field_cannot_be_dumped_in_the_clear() -> None:
    event = noted()
    for dump in (event.model_dump, event.model_dump_json):
        with pytest.raises(Exception, match="not been sealed") as error:
            dump()
        assert SECRET not in shown(error.value)


def test_a_value_of_another_type_is_refused_without_quoting_it() -> None:
    with pytest.raises(ValidationError) as error:
        Noted(client_id=CLIENT, note_id=NOTE, sections=Sealed({"s": SECRET}), plan=Sealed([SECRET]))
    assert SECRET not in shown(error.value)
    assert "string_type" in str(error.value)


def test_what_opens_as_another_type_is_refused_without_quoting_it() -> None:
    class Other(Noted):
        plan: Annotated[Sealed[int], KeyClass.PROGRESS_NOTE]  # type: ignore[assignment]

    types = EventTypes(Other)
    event = types.load(tenant="clinic-a", event_type=Noted.TYPE, schema_version=1, event_id=EVENT, data=orjson.dumps(stored()))
    assert isinstance(event, Other)
    with pytest.raises(CannotOpen) as error:
        event.plan.open(key())
    assert SECRET not in shown(error.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [1.0, float("-inf")]}, 2**64, "\ud800", {1: "x"}, object()])
def test_what_could_not_be_read_back_is_not_sealed(value: Any) -> None:
    event = Anything(client_id=CLIENT, note_id=NOTE, body=Sealed(value))
    with pytest.raises(CannotSeal):
        seal(event, tenant="clinic-a", event_id=EVENT, key=key(), random=os.urandom)


def test_a_model_with_a_number_that_is_not_finite_is_not_sealed() -> None:
    class Scores(BaseModel):
        total: float

    event = Anything(client_id=CLIENT, note_id=NOTE, body=Sealed(Scores(total=float("nan"))))
    with pytest.raises(CannotSeal):
        seal(event, tenant="clinic-a", event_id=EVENT, key=key(), random=os.urandom)


def test_a_sealed_field_without_a_class_is_refused() -> None:
    class Bare(Noted):
        extra: Sealed[str]

    with pytest.raises(TypeError, match="exactly one key class"):
        EventTypes(Bare)


def test_a_sealed_field_inside_another_type_is_refused() -> None:
    class Optional(Noted):
        extra: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE] | None = None

    class Listed(Noted):
        extra: list[Sealed[str]]

    for model in (Optional, Listed):
        with pytest.raises(TypeError, match="outermost"):
            EventTypes(model)


def test_the_classes_are_known() -> None:
    assert sealed_fields(Noted) == {"sections": KeyClass.PROGRESS_NOTE, "plan": KeyClass.PROGRESS_NOTE}


def test_equal_buckets_for_short_and_shorter() -> None:
    sizes = {len(stored(Anything(client_id=CLIENT, note_id=NOTE, body=Sealed("x" * n)))["body"]["ct"]) for n in (0, 10, 60)}
    assert len(sizes) == 1


def test_a_record_key_pickles_only_on_purpose() -> None:
    """Between processes a record key crosses as msgspec only; its repr stays silent after any copy."""
    assert "KKKK" not in repr(pickle.loads(pickle.dumps(key())))  # noqa: S301


texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda children: st.lists(children, max_size=5) | st.dictionaries(texts, children, max_size=5),
    max_leaves=20,
)


@settings(deadline=None)
@given(value=json_values, tenant=st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True), event_id=st.uuids(), client=st.uuids())
def test_any_json_value_comes_back(value: Any, tenant: str, event_id: UUID, client: UUID) -> None:
    event = Anything(client_id=client, note_id=NOTE, body=Sealed(value))
    data = seal(event, tenant=tenant, event_id=event_id, key=key(), random=os.urandom)
    loaded = TYPES.load(tenant=tenant, event_type=Anything.TYPE, schema_version=1, event_id=event_id, data=data)
    assert isinstance(loaded, Anything)
    assert loaded.body.open(key()) == value
