"""Routes as a deployment writes them down: a JSON list.

[{"name": "siem", "to": {"https": "https://siem.example/ingest", "token_file": "/run/secrets/siem"}, "from": "beginning"},
 {"name": "syslog", "to": {"syslog": "tls", "host": "log.example", "port": 6514}},
 {"name": "on-call", "kinds": ["alarm"], "reasons": ["witness-*", "entry-without-receipt"],
  "to": {"mail": ["officer@clinic.example"], "host": "smtp.clinic.example", "from": "ledger@clinic.example"}},
 {"name": "chat", "kinds": ["alarm"], "tenants": ["north"], "to": {"webhook": "https://hooks.example/x", "secret_file": "…"}}]

`to` may hold `ca_file`, PEM of the authority that signs the receiver's certificate; absent, the system's are trusted. Mail goes
by STARTTLS on port 587, or with `"implicit_tls": true` under TLS from the start on 465.
"""

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.routes_out.adapters.sinks import HttpSink, MailSink, SyslogSink
from services.audit_log.routes_out.application.routes import Route, Sink
from shared.values.addresses import is_guarded

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_KEYS: Final = {"name", "to", "kinds", "reasons", "tenants", "from"}


def parse_routes(text: str, hostname: str) -> tuple[Route, ...]:
    """ValueError says which route cannot be used, and why."""
    try:
        listed = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError("not JSON") from None
    if not isinstance(listed, list):
        raise ValueError("a list of routes")
    routes = [_route(number, each, hostname) for number, each in enumerate(listed, 1)]
    if len({r.name for r in routes}) < len(routes):
        raise ValueError("two routes of one name")
    return tuple(routes)


def _route(number: int, given: Any, hostname: str) -> Route:
    if not isinstance(given, dict) or not set(given) <= _KEYS or not isinstance(given.get("to"), dict):
        raise ValueError(f"route {number}: it has a name, a `to`, and perhaps kinds, reasons, tenants, from")
    name = given.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"route {number}: its name is of a-z, 0-9 and '-'")
    kinds = _texts(given, "kinds", ())
    if not set(kinds) <= set(EntryKind):
        raise ValueError(f"route {name}: kinds are {', '.join(EntryKind)}")
    if given.get("from", "now") not in ("now", "beginning"):
        raise ValueError(f"route {name}: from is now or beginning")
    try:
        sink = _sink(given["to"], hostname)
    except (KeyError, TypeError, OSError) as error:
        raise ValueError(f"route {name}: {type(error).__name__} {error}") from None
    return Route(
        name=name,
        sink=sink,
        tenants=_texts(given, "tenants", ("*",)),
        kinds=kinds,
        reasons=_texts(given, "reasons", ("*",)),
        from_the_beginning=given.get("from") == "beginning",
    )


def _sink(to: Mapping[str, Any], hostname: str) -> Sink:
    match to:
        case {"https": str(url)} | {"webhook": str(url)}:
            if not is_guarded(url):
                raise ValueError("an address is reached over https")
            secret = _secret(to, "secret_file")
            signed = secret.encode() if secret else None
            return HttpSink(url, _secret(to, "token_file"), signed, webhook="webhook" in to, ssl=_trusted(to))
        case {"syslog": ("udp" | "tcp" | "tls") as transport}:
            return SyslogSink(str(to["host"]), int(to["port"]), transport, hostname, _trusted(to))
        case {"mail": [str(), *_] as people}:
            implicit = bool(to.get("implicit_tls", False))
            return MailSink(
                str(to["host"]),
                int(to.get("port", 465 if implicit else 587)),
                str(to["from"]),
                tuple(map(str, people)),
                to.get("user"),
                _secret(to, "password_file"),
                require_tls=bool(to.get("require_tls", True)),
                implicit_tls=implicit,
                ssl=_trusted(to),
            )
    raise ValueError("`to` is one of https, webhook, syslog (udp, tcp, tls) and mail")


def _trusted(to: Mapping[str, Any]) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=to["ca_file"]) if "ca_file" in to else None


def _secret(to: Mapping[str, Any], name: str) -> str | None:
    return Path(to[name]).read_text().strip() if name in to else None


def _texts(given: Mapping[str, Any], name: str, absent: tuple[str, ...]) -> tuple[str, ...]:
    found = given.get(name, absent)
    if not isinstance(found, list | tuple) or not all(isinstance(text, str) for text in found):
        raise ValueError(f"{name} is a list of texts")
    return tuple(found)
