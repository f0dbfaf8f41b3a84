"""Golden files: one for every event type and version ever written. A file is added, never changed.

Each holds an example as it is stored (sealed under a fixed key), the words in it, and the shape that this version has for ever.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from pydantic import BaseModel, TypeAdapter

from infra.contracts.catalogue import Written, sealed_form, written_today
from infra.contracts.examples import example
from shared.contracts.disclosure import RecordKey
from shared.contracts.records import KeyClass
from shared.sealing.event import Event, seal, sealed_fields
from shared.sealing.field import Sealed

GOLDEN: Final = Path(__file__).parents[2] / "tests" / "contract" / "golden"
TENANT: Final = "golden"
KID: Final = "golden-1"
KEY: Final = bytes(range(32))
_SPACE: Final = UUID("00000000-0000-4000-8000-0000000060fd")


def file_of(written: Written) -> Path:
    suffix = "" if written.event is not None else ".message"
    return GOLDEN / f"{written.type}{suffix}.v{written.version}.json"


def key_of(event: Event) -> dict[str, RecordKey]:
    """By sealed field: the test key, as the gate would give it."""
    return {
        name: RecordKey(record_id=str(event.record_id), key_class=KeyClass(key_class), kid=KID, key=KEY)
        for name, key_class in sealed_fields(type(event)).items()
    }


def words_of(event: Event) -> dict[str, Any]:
    """What is sealed in an event that was loaded, opened by the test key."""
    words = {}
    for name, key in key_of(event).items():
        value = getattr(event, name).open(key)
        words[name] = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return words


def made(written: Written) -> dict[str, Any]:
    """The golden file of a type as it is written today."""
    event_id = uuid5(_SPACE, f"{written.type} {written.version}")
    if written.event is None:
        data, words = _message(written), dict[str, Any]()
    else:
        data, words = _event(written.event, event_id)
    return {
        "type": written.type,
        "schema_version": written.version,
        "event_id": str(event_id),
        "data": data,
        "words": words,
        "shape": written.shape(),
    }


def add_missing(folder: Path = GOLDEN) -> Iterator[Path]:
    """Writes the files of types and versions that have none; those that are there stay as they are."""
    for written in written_today():
        path = folder / file_of(written).name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(made(written), indent=1, sort_keys=True) + "\n")
            yield path


def _message(written: Written) -> Any:
    adapter = TypeAdapter(written.form)
    return json.loads(adapter.dump_json(adapter.validate_json(json.dumps(example(written.form, "")))))


def _event(model: type[Event], event_id: UUID) -> tuple[Any, dict[str, Any]]:
    sealed = sealed_fields(model)
    public = {n: example(info.annotation, n) for n, info in model.model_fields.items() if n not in sealed}
    words = {}
    fields: dict[str, Any] = {}
    for name in sealed:
        form = sealed_form(model, name)
        value = form.validate_json(json.dumps(example(model.model_fields[name].annotation.__args__[0], name)))  # type: ignore[union-attr]
        words[name] = json.loads(form.dump_json(value))
        fields[name] = Sealed(value)
    plain = {n: _typed(model.model_fields[n].annotation, v) for n, v in public.items()}
    event = model(**plain, **fields)
    key = next(iter(key_of(event).values()), None)
    return json.loads(seal(event, tenant=TENANT, event_id=event_id, key=key, random=_random(model.TYPE))), words


def _typed(form: Any, value: Any) -> Any:
    return TypeAdapter(form).validate_json(json.dumps(value))


def _random(name: str) -> Any:
    """Salts that are the same each time: for golden files alone, whose key is public."""
    return lambda size: (sha256(name.encode()).digest() * (size // 32 + 1))[:size]
