"""Every event type and version ever written is read for ever; none changes its form without a new version."""

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter

import services
from infra.contracts.catalogue import Written, written_today
from infra.contracts.documents import DOCUMENTS, asyncapi, documents
from infra.contracts.golden import GOLDEN, TENANT, add_missing, file_of, made, words_of
from shared.contracts.messages import MESSAGES
from shared.contracts.topics import TOPICS
from shared.sealing.event import Event

FILES = sorted(GOLDEN.glob("*.json"))
TODAY = written_today()


def _today(path: Path) -> Written:
    """The present form of the type that a file is of."""
    stem = path.name.rpartition(".v")[0]
    (found,) = [w for w in TODAY if file_of(w).name.rpartition(".v")[0] == stem]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_what_was_written_once_is_read_for_ever(path: Path) -> None:
    golden: dict[str, Any] = json.loads(path.read_text())
    written = _today(path)
    if written.types is None:
        adapter = TypeAdapter(written.form)
        adapter.validate_json(json.dumps(golden["data"]))
        return
    event = written.types.load(
        tenant=TENANT,
        event_type=golden["type"],
        schema_version=golden["schema_version"],
        event_id=UUID(golden["event_id"]),
        data=json.dumps(golden["data"]).encode(),
    )
    assert _as_said(words_of(event), golden["words"]) == golden["words"]


def _as_said(words: Any, golden: Any) -> Any:
    """`words` without the fields that a later version added, which an older event leaves empty."""
    if not (isinstance(words, dict) and isinstance(golden, dict)):
        return words
    return {k: _as_said(v, golden.get(k)) for k, v in words.items() if k in golden or v not in (None, [])}


def test_a_field_that_a_later_version_added_is_empty_in_an_older_event() -> None:
    """The control: a word that was not said is noticed."""
    assert _as_said({"a": 1, "b": None, "c": []}, {"a": 1}) == {"a": 1}
    assert _as_said({"a": {"b": "made up"}}, {"a": {}}) == {"a": {"b": "made up"}}


@pytest.mark.parametrize("written", TODAY, ids=lambda w: f"{w.type}@{w.version}")
def test_no_form_changes_without_a_new_version(written: Written) -> None:
    path = file_of(written)
    assert path.exists(), f"{written.type} version {written.version} has no golden file: run `make contracts`"
    kept = json.loads(path.read_text())
    assert written.shape() == kept["shape"], (
        f"{written.type} is not what version {written.version} was: raise its version (SCHEMA_VERSION of the event with an "
        "upcaster, or `version` in shared/contracts/messages.py), then run `make contracts`; the golden file stays as it is"
    )


def test_every_version_has_its_file() -> None:
    missing = [
        f"{w.type}.v{v}" for w in TODAY for v in range(1, w.version + 1) if not file_of(w).with_name(_named(w, v)).exists()
    ]
    assert missing == []


def _named(written: Written, version: int) -> str:
    return f"{file_of(written).name.rpartition('.v')[0]}.v{version}.json"


def test_no_event_is_left_out() -> None:
    """Whatever is declared as an event anywhere in the services stands in the catalogue."""
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    declared = {m.TYPE for m in _descendants(Event) if "TYPE" in vars(m) and m.__module__.split(".")[0] in ("services", "shared")}
    assert declared == {w.type for w in TODAY if w.event is not None}


def _descendants(model: type[Event]) -> set[type[Event]]:
    return {d for child in model.__subclasses__() for d in (child, *_descendants(child))}


def test_examples_are_made_the_same_each_time(tmp_path: Path) -> None:
    names = [p.name for p in add_missing(tmp_path)]
    assert names == [file_of(w).name for w in TODAY]
    for written in TODAY:
        assert json.loads((tmp_path / file_of(written).name).read_text()) == json.loads(json.dumps(made(written)))
    assert list(add_missing(tmp_path)) == [], "a file that is there stays"


def test_the_documents_are_what_the_contracts_say() -> None:
    wanted = dict(documents())
    kept = {str(p.relative_to(DOCUMENTS)): p.read_text() for p in DOCUMENTS.rglob("*.json")}
    assert sorted(kept) == sorted(wanted), "run `make contracts`"
    assert [name for name, text in wanted.items() if kept[name] != text] == [], "run `make contracts`"


def test_the_asyncapi_document_holds_together() -> None:
    """Every reference leads somewhere; every message that is sent stands on the topic of its owner."""
    document = asyncapi()
    for reference in _references(document):
        if reference.startswith("#/"):
            node: Any = document
            for part in reference[2:].split("/"):
                node = node[part]
        else:
            assert (DOCUMENTS / reference).is_file()
    assert set(document["channels"]) == set(TOPICS)
    for message in MESSAGES.values():
        assert message.type in document["channels"][message.topic]["messages"]
    sends = {k for k, o in document["operations"].items() if o["action"] == "send"}
    assert sends == {f"{w}.send.{t.name}" for t in TOPICS.values() for w in t.writers}


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [r for inner in node.values() for r in _references(inner)]
    return [r for inner in node for r in _references(inner)] if isinstance(node, list) else []
