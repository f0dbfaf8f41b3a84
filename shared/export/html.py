"""JSON as a page that a person reads, and prints: no script, no address outside, one file for itself.

Any JSON is shown whole: names become words, objects become tables of name and value, texts keep their lines.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;border-top:1px solid #767676;padding-top:.8rem}"
    "dl{display:grid;grid-template-columns:minmax(8rem,14rem) 1fr;gap:.25rem 1rem;margin:0}dt{font-weight:600}"
    "dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}dd>dl,dd>ol{white-space:normal}ol{margin:0;padding-left:1.2rem}"
    "table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0}"
    ".erased{font-style:italic}@media(max-width:36rem){dl{display:block}dd{margin:0 0 .5rem 1rem}}"
)
HEAD: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta name="referrer" content="no-referrer">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)
ERASED: Final = "Erased: its key was destroyed, and nobody can read it any more."


def page(title: str, about: str, records: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
    """A document of records, each under its own heading."""
    parts = [f"{HEAD}<title>{escape(title)}</title><style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>"]
    parts.append(f"<p>{escape(about)}</p>")
    for heading, record in records:
        parts.append(f"<section><h2>{escape(heading)}</h2>")
        if record.get("erased") is True:
            parts.append(f'<p class="erased">{ERASED}</p>')
        parts.append(f"{_value(record)}</section>")
    parts.append("</main></body></html>\n")
    return "".join(parts).encode()


def words(name: str) -> str:
    """`birth_date` → `Birth date`."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = "".join(f"<dt>{escape(words(str(k)))}</dt><dd>{_value(v)}</dd>" for k, v in value.items())
        return f"<dl>{inner}</dl>" if inner else "–"
    if isinstance(value, list | tuple):
        return f"<ol>{''.join(f'<li>{_value(v)}</li>' for v in value)}</ol>" if value else "–"
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return escape(value.isoformat())
    return escape(str(value))
