"""The first page of an opened record: what is in it by class, and what was left out on which ground."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from shared.export.html import HEAD, STYLE, words

_TITLE = "Your record"


def contents_page(names: Sequence[str], abouts: Sequence[Mapping[str, Any]]) -> bytes:
    """HTML with a link to every page. `abouts`: what each part says of itself."""
    parts = [f"{HEAD}<title>{_TITLE}</title><style>{STYLE}</style></head><body><main><h1>{_TITLE}</h1>"]
    made = sorted({str(about["made_at"])[:10] for about in abouts})
    parts.append(f"<p>Exported on {escape(', '.join(made))} (UTC). Every page is there as JSON too.</p>")
    for about in abouts:
        for key_class, counted in about["classes"].items():
            prefix = f"{key_class}-{about['service']}-"
            parts.append(f"<h2>{escape(words(key_class))}</h2><p>{escape(_counted(counted))}</p><ol>")
            pages = [n for n in names if n.startswith(prefix) and n.endswith(".html")]
            parts += [
                f'<li><a href="{escape(name)}">{escape(words(key_class))}, page {n}</a></li>' for n, name in enumerate(pages, 1)
            ]
            parts.append("</ol>")
    parts.append("<h2>What was left out, and why</h2>")
    rows = [_row(one) for about in abouts for one in about["excluded"]]
    parts.append(_table(rows) if rows else "<p>Nothing was left out.</p>")
    parts.append("<h2>About the parts</h2><ol>")
    parts += [f'<li><a href="about-{escape(a["service"])}.html">{escape(words(a["service"]))}</a></li>' for a in abouts]
    parts.append("</ol></main></body></html>\n")
    return "".join(parts).encode()


def _counted(counted: Mapping[str, int]) -> str:
    erased = f", {counted['erased']} of them erased" if counted["erased"] else ""
    return f"{counted['records']} records{erased}"


def _row(one: Mapping[str, Any]) -> str:
    fields = f" ({', '.join(one['fields'])})" if one.get("fields") else ""
    cells = (words(one["type"]), one["what"] + fields, one["text"], one["ground"])
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _table(rows: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Of", "What", "Why", "Ground"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
