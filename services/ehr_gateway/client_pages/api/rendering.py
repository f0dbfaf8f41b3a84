"""HTML of the client's pages: Jinja2 with escaping on, nothing inline, nothing from elsewhere, no script at all."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from services.ehr_gateway.client_pages.domain import catalogue
from shared import base64url
from shared.http import page_policy

_HERE: Final = Path(__file__).parent.parent
HEADERS: Final = {
    **page_policy.HEADERS,
    # stricter than where pages have scripts: none runs here
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
WIDTH, HEIGHT, EDGE = 640, 200, 12
"""of the picture of ratings, in its own units"""


class Rendering:
    def __init__(self, zone: tzinfo | None) -> None:
        """`zone`: of the practice; None: times are shown in UTC, and say so."""
        self._zone = zone
        self.catalogues = catalogue.load()
        self._style = (_HERE / "static/me.css").read_bytes()
        self.version: Final = base64url.encode(sha256(self._style).digest()[:9])
        self._jinja = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.globals |= {"style": f"/me/static/{self.version}/me.css", "drawn": drawn}
        self._jinja.filters |= {"moment": self.moment, "day": day}

    def page(self, template: str, language: str, values: Mapping[str, Any], *, status: int = 200) -> Response:
        words = self.catalogues[language]

        def t(key: str, **filled: object) -> str:
            return words[key].format(**filled)

        def named(group: str, code: str) -> str:
            """The words of a code; a code that has none is shown as it is, with blanks."""
            return words.get(f"{group}.{code}") or code.replace("_", " ")

        html = self._jinja.get_template(template).render({"t": t, "named": named, "language": language, **values})
        return Response(html, status_code=status, media_type="text/html", headers=HEADERS)

    def style(self, version: str) -> Response | None:
        """None for another release's."""
        if version != self.version:
            return None
        kept = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
        return Response(self._style, media_type="text/css; charset=utf-8", headers=kept)

    def moment(self, text: str) -> str:
        """As `2026-12-01, 10:05`, in the practice's zone."""
        at = datetime.fromisoformat(text)
        return f"{at.astimezone(self._zone):%Y-%m-%d, %H:%M}" if self._zone else f"{at.astimezone(UTC):%Y-%m-%d, %H:%M} UTC"


def day(text: str) -> str:
    return date.fromisoformat(text[:10]).isoformat()


def drawn(points: list[tuple[int, int]]) -> list[tuple[float, float]]:
    """Where each rating stands in the picture. The scale is that of the ratings themselves, with some room."""
    totals = [total for _, total in points]
    low, high = min(totals) - 2, max(totals) + 2
    step = (WIDTH - 2 * EDGE) / max(len(points) - 1, 1)
    return [
        (round(EDGE + step * place, 1), round(HEIGHT - EDGE - (total - low) / (high - low) * (HEIGHT - 2 * EDGE), 1))
        for place, total in enumerate(totals)
    ]
