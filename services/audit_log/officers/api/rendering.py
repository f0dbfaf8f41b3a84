"""HTML and files of the pages: Jinja2 with escaping on, a policy that lets nothing in from elsewhere, nothing inline."""

import mimetypes
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from services.audit_log.ledger.domain.entry import Entry
from services.audit_log.ledger.domain.sentences import Audience, Sentence, alarm, sentence, why_heading
from services.audit_log.ledger.domain.words import PURPOSE_NAMES
from services.audit_log.officers.domain.ledger_state import ago, counted
from shared import base64url
from shared.http.page_policy import HEADERS

_HERE: Final = Path(__file__).parent.parent
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class Rendering:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._files = {p.name: p.read_bytes() for p in sorted((_HERE / "static").iterdir()) if p.is_file()}
        digest = sha256(b"\x00".join(name.encode() + b"\x00" + data for name, data in self._files.items())).digest()
        self.version: Final = base64url.encode(digest[:9])
        """names the static files of this release, so that browsers may keep them for ever"""
        self._jinja = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.globals |= {
            "static": f"/review/static/{self.version}",
            "say": say,
            "purposes": PURPOSE_NAMES,
            "alarm": alarm,
            "why_heading": why_heading,
            "counted": counted,
        }
        self._jinja.filters |= {
            "when": when,
            "day": day,
            "ago": lambda at: ago(now() - at),
            "code": lambda c: c.replace("_", " "),
        }

    def page(
        self, template: str, values: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        html = self._jinja.get_template(template).render(values)
        return Response(html, status_code=status, media_type="text/html", headers={**HEADERS, **(headers or {})})

    def file(self, version: str, name: str) -> Response | None:
        """A static file; None where there is none of that name and release."""
        data = self._files.get(name)
        if data is None or version != self.version:
            return None
        kind = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(data, media_type=kind, headers={**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"})


def say(entry: Entry) -> Sentence:
    return sentence(entry, Audience.OFFICER)


def when(at: datetime) -> str:
    """As in `26 Nov 2026, 13:05`; UTC, as the whole page says."""
    return f"{at.astimezone(UTC):%d %b %Y, %H:%M}".removeprefix("0")


def day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%d %b %Y}".removeprefix("0")
