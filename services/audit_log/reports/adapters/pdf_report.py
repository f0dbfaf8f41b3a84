"""A report as PDF, by fpdf2: for people who would rather look than read a table in a spreadsheet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

SHOWN: Final = ("index", "at", "agent_name", "agent_role", "action", "outcome", "purpose", "records")
WIDTHS: Final = (14, 40, 42, 26, 18, 16, 20, 101)
"""mm, of a landscape A4 page"""
FONTS: Final = (
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    Path("/usr/share/fonts/dejavu/DejaVuSans.ttf"),
    Path("/Library/Fonts/Arial Unicode.ttf"),
    Path("C:/Windows/Fonts/arial.ttf"),
)
"""the first that exists; without one, letters beyond Latin-1 are shown as question marks, and the page says so"""


class PdfReport:
    """Implements `PdfWriter`."""

    def __init__(self, columns: Sequence[str], font: Path | None = None) -> None:
        self._columns = [tuple(columns).index(name) for name in SHOWN]
        self._font = font or next((f for f in FONTS if f.exists()), None)

    def __call__(self, title: str, about: Sequence[tuple[str, str]], rows: Sequence[tuple[str, ...]], note: str) -> bytes:
        pdf = FPDF(orientation="landscape", format="A4")
        pdf.set_title(title)
        pdf.set_lang("en")
        pdf.set_margins(10, 12, 10)
        pdf.set_auto_page_break(auto=True, margin=14)
        family = "helvetica"
        if self._font is not None:
            family = "report"
            pdf.add_font(family, fname=self._font)
        pdf.add_page()
        pdf.set_font(family, size=16)
        pdf.cell(0, 10, self._text(title), new_x="LMARGIN", new_y="NEXT")
        pdf.set_font(family, size=9)
        for name, value in about:
            pdf.multi_cell(0, 5, self._text(f"{name}: {value}"), new_x="LMARGIN", new_y="NEXT")
        for line in (note, "" if self._font else "Letters beyond Latin-1 are shown as question marks."):
            if line:
                pdf.multi_cell(0, 5, line, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(3)
        pdf.set_font(family, size=7)
        plain = FontFace(emphasis="")  # one face of the font is loaded
        layout = TableBordersLayout.HORIZONTAL_LINES
        with pdf.table(col_widths=WIDTHS, borders_layout=layout, line_height=4, headings_style=plain) as table:
            table.row([name.replace("_", " ") for name in SHOWN])
            for row in rows:
                table.row([self._text(row[place]) for place in self._columns])
        return bytes(pdf.output())

    def _text(self, text: str) -> str:
        return text if self._font is not None else text.encode("latin-1", "replace").decode("latin-1")
