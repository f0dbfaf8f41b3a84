"""A report as PDF, by fpdf2: one sentence an entry, for people."""

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from services.audit_log.reports.application.exporting import Told
from services.audit_log.reports.application.handing_out import Document

SHOWN: Final = ("entry", "when (UTC)", "what happened")
WIDTHS: Final = (16, 38, 136)
"""mm, of an upright A4 page"""
FONTS: Final = (
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    Path("/usr/share/fonts/dejavu/DejaVuSans.ttf"),
    Path("/Library/Fonts/Arial Unicode.ttf"),
    Path("C:/Windows/Fonts/arial.ttf"),
)
"""the first that exists; without one, letters beyond Latin-1 are shown as question marks, and the page says so"""


class PdfReport:
    """Implements `PdfWriter`."""

    def __init__(self, font: Path | None = None) -> None:
        self._font = font or next((f for f in FONTS if f.exists()), None)

    def letter(self, practice: str, address: str, document: Document) -> bytes:
        """A document to hand over: letterhead, what it is, and a paragraph for each sentence."""
        pdf, family = self._page(document.title, 20)

        def say(text: str, size: int, height: float, after: float = 0) -> None:
            pdf.set_font(family, size=size)
            pdf.multi_cell(0, height, self._text(text), new_x="LMARGIN", new_y="NEXT")
            pdf.ln(after)

        say(practice, 13, 6)
        say(address, 10, 5, 10)
        say(document.title, 18, 9, 3)
        for name, value in document.about:
            say(f"{name}: {value}", 10, 5)
        pdf.ln(3)
        say(document.says, 10, 5, 4)
        if not document.lines:
            say(document.nothing, 12, 6)
        for line in document.lines:
            say(f"{line.day} (entry {line.index})", 9, 4.5)
            say(line.text, 11, 5.5, 2.5)
        if document.more:
            say("There are older ones: ask for an earlier time.", 10, 5)
        return bytes(pdf.output())

    def _page(self, title: str, margin: int) -> tuple[FPDF, str]:
        """An open page, and the family of its font. `margin` in mm."""
        pdf = FPDF(format="A4")
        pdf.set_title(title)
        pdf.set_lang("en")
        pdf.set_margins(margin, margin + 2, margin)
        pdf.set_auto_page_break(auto=True, margin=14)
        family = "helvetica"
        if self._font is not None:
            family = "report"
            pdf.add_font(family, fname=self._font)
        pdf.add_page()
        return pdf, family

    def __call__(self, title: str, about: Sequence[tuple[str, str]], rows: Sequence[Told], note: str) -> bytes:
        pdf, family = self._page(title, 10)
        pdf.set_font(family, size=16)
        pdf.cell(0, 10, self._text(title), new_x="LMARGIN", new_y="NEXT")
        pdf.set_font(family, size=9)
        for name, value in about:
            pdf.multi_cell(0, 5, self._text(f"{name}: {value}"), new_x="LMARGIN", new_y="NEXT")
        for line in (note, "" if self._font else "Letters beyond Latin-1 are shown as question marks."):
            if line:
                pdf.multi_cell(0, 5, line, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(3)
        if not rows:
            return bytes(pdf.output())
        pdf.set_font(family, size=9)
        plain = FontFace(emphasis="")  # one face of the font is loaded
        layout = TableBordersLayout.HORIZONTAL_LINES
        with pdf.table(col_widths=WIDTHS, borders_layout=layout, line_height=5, headings_style=plain) as table:
            table.row(list(SHOWN))
            for row in rows:
                table.row([str(row.index), f"{row.at.astimezone(UTC):%Y-%m-%d %H:%M}", self._text(row.sentence)])
        return bytes(pdf.output())

    def _text(self, text: str) -> str:
        return text if self._font is not None else text.encode("latin-1", "replace").decode("latin-1")
