"""One example of a form, always the same, with every optional part present: made from the types, fictional."""

import types
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID, uuid5

from pydantic import BaseModel

_SPACE: Final = UUID("00000000-0000-4000-8000-00000000601d")
_BY_NAME: Final[dict[str, Any]] = {
    "start": "2026-03-02",
    "end": "2026-12-31",
    "actors": ["sam.okoye"],
    "roles": ["therapist"],
    "purposes": ["TREAT"],
    "actions": ["read"],
    "resource_types": ["progress_note"],
    "labels": ["PSY"],
    "covers": ["progress_note"],
    "missing": [],
    "key_classes": ["measures"],
    "digest": "ab" * 32,
    "instrument": "wai-sr-t",
    "measure": "who-5",
    "scores": {"total": 41.5},
    "answers": {"1": 4, "2": 3},
    "name": "Mara Lindqvist",
    "birth_date": "1990-04-12",
    "body": {"kind": "strain", "text": "A score drop consistent with strain.", "instrument": "wai-sr-t", "onset": 3},
}
"""where a form takes less than its type says, or an example should read well"""
_DEEPEST: Final = 2


def example(form: Any, name: str, depth: int = 0) -> Any:
    """JSON that `form` accepts. KeyError for a type that nobody has described here yet."""
    origin, arguments = get_origin(form), get_args(form)
    if origin is Annotated:
        return example(arguments[0], name, depth)
    if origin in (Union, types.UnionType):
        return example(next(a for a in arguments if a is not type(None)), name, depth)
    if isinstance(form, type) and issubclass(form, BaseModel):
        return {n: example(info.annotation, n, depth + 1) for n, info in form.model_fields.items()}
    if origin is Literal:
        return arguments[0]
    if name in _BY_NAME and form is not datetime:
        return _BY_NAME[name]
    if origin is tuple:
        return [] if depth > _DEEPEST else [example(arguments[0], name, depth + 1)]
    if origin is dict:
        return {"first": example(arguments[1], "", depth + 1)}
    if isinstance(form, type) and issubclass(form, Enum):
        return next(iter(form)).value
    return {
        UUID: str(uuid5(_SPACE, name)),
        str: f"{name or 'words'} of an example",
        datetime: "2026-03-02T10:00:00Z",
        date: "2026-03-02",
        bool: True,
        int: 1,
        float: 1.5,
        Any: "words",
    }[form]
