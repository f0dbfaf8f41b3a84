"""docs/events: a JSON Schema for every message, and one AsyncAPI 3 document of all topics, the register of processing.

Made from shared/contracts and from the events of the services."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from infra.contracts.catalogue import EVENTS
from infra.contracts.register import register
from shared.contracts.messages import MESSAGES
from shared.contracts.records import ServiceName
from shared.contracts.topics import CONSENT, TOPICS
from shared.messaging.signature import SIGNED_HEADERS

DOCUMENTS: Final = Path(__file__).parents[2] / "docs" / "events"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_HEADERS: Final = {
    "ce_specversion": "CloudEvents version, 1.0",
    "ce_id": "message id (UUID): the same message again carries the same one",
    "ce_type": "message type",
    "ce_source": "the service that signed it",
    "ce_subject": "stream of the event",
    "ce_time": "when it was committed",
    "ce_sequence": "version of the event in its stream",
    "ce_tenant": "tenant",
    "ce_schemaversion": "version of the form",
    "content-type": "application/json",
    "sig": "Ed25519 over topic, key, the headers that count and the payload's digest, base64",
}
_UNSIGNED_REQUIRED: Final = ("ce_specversion", "sig")


def documents() -> Iterator[tuple[str, str]]:
    """(path under docs/events, text) of every document."""
    for name, schema in schemas().items():
        yield f"schemas/{name}.json", _text(schema)
    yield "asyncapi.json", _text(asyncapi())
    yield "register-of-processing.json", _text(register())


def write(folder: Path = DOCUMENTS) -> list[str]:
    """Writes all; names of the files that are no document any more are returned, to be deleted by hand."""
    wanted = dict(documents())
    for name, text in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*.json") if str(p.relative_to(folder)) not in wanted)


def schemas() -> dict[str, dict[str, Any]]:
    """By `<type>.v<n>`: what the payload of that message is."""
    return {
        f"{name}.v{version}": {"$schema": _DIALECT, "$id": f"urn:alliance-record:{name}:v{version}", **schema}
        for name, version, schema, _, _ in _sent()
    }


def asyncapi() -> dict[str, Any]:
    """Channels are topics; each service sends on those it owns and receives on those it listens to."""
    messages: dict[str, Any] = {}
    of_topic: dict[str, list[str]] = {name: [] for name in TOPICS}
    for name, version, _, place, description in _sent():
        of_topic[place].append(name)
        messages[name] = {
            "name": name,
            "contentType": "application/json",
            "description": description,
            "headers": {"$ref": "#/components/schemas/headers"},
            "payload": {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": {"$ref": _ref(name, version)}},
        }
    channels = {
        topic.name: {
            "address": topic.name,
            "description": "Keyed by tenant/client_id: a client's messages keep their order.",
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in of_topic[topic.name]},
            "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions}},
        }
        for topic in TOPICS.values()
    }
    operations = {}
    for topic in TOPICS.values():
        for action, services in (("send", topic.writers), ("receive", topic.readers)):
            for service in sorted(services):
                operations[f"{service}.{action}.{topic.name}"] = {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{topic.name}"},
                    "summary": f"{service} {'writes' if action == 'send' else 'reads'} {topic.name}",
                }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events between services",
            "version": "1",
            "description": "At least once, in order by key, signed by the topic's owner. Generated: `make contracts`.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {"headers": _headers()}},
    }


def _sent() -> Iterator[tuple[str, int, dict[str, Any], str, str]]:
    """Each message: type, version, schema, topic, what it says."""
    for message in MESSAGES.values():
        yield message.type, message.version, TypeAdapter(message.form).json_schema(), message.topic, message.description
    for model in EVENTS[ServiceName.CONSENT].models:
        said = (model.__doc__ or "").strip().partition("\n")[0] if model.__doc__ else ""
        yield (
            model.TYPE,
            model.SCHEMA_VERSION,
            model.model_json_schema(),
            CONSENT,
            said or "An event of the consent service, as stored.",
        )


def _headers() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": said} for name, said in _HEADERS.items()},
        "required": sorted({*SIGNED_HEADERS, *_UNSIGNED_REQUIRED}),
    }


def _ref(name: str, version: int) -> str:
    return f"schemas/{name}.v{version}.json"


def _text(document: Any) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
