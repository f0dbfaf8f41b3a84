"""HTML, files and catalogues of the page on the phone."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from services.alliance_measurement.answering.domain.form import Words
from shared import base64url
from shared.http.page_policy import HEADERS

_HERE: Final = Path(__file__).parent.parent
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Rendering:
    def __init__(self) -> None:
        self._files = {p.name: p.read_bytes() for p in sorted((_HERE / "static").iterdir()) if p.suffix in _TYPES}
        digest = sha256(b"\x00".join(name.encode() + b"\x00" + data for name, data in self._files.items())).digest()
        self.version: Final = base64url.encode(digest[:9])
        """names the static files of this release, so that browsers may keep them for ever"""
        self.catalogues: Final[Mapping[str, Words]] = {
            p.stem: json.loads(p.read_text(encoding="utf-8")) for p in sorted((_HERE / "catalogues").glob("*.json"))
        }
        self._jinja = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def page(self, template: str, lang: str, values: Mapping[str, Any], *, status: int = 200) -> Response:
        about = {"static": f"/answer/static/{self.version}", "lang": lang, "words": self.catalogues[lang]}
        html = self._jinja.get_template(template).render({**about, **values})
        return Response(html, status_code=status, media_type="text/html", headers={**HEADERS, "Vary": "Accept-Language, Cookie"})

    def file(self, version: str, name: str) -> Response | None:
        """A static file; None where there is none of that name and release."""
        data = self._files.get(name)
        if data is None or version != self.version:
            return None
        headers = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
        return Response(data, media_type=_TYPES[Path(name).suffix], headers=headers)
