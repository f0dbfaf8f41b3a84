"""Rows that were not imported, in a file of their own: as they stood, with their line and what is wrong.

Corrected, it is imported like any other file.
"""

import os
from pathlib import Path

from infra.importer.table import Table
from shared.values.csv_text import csv_bytes


def write_rejected(table: Table, beside: Path) -> Path:
    """A new file beside the imported one, for its owner alone; an older one is never written over. OSError."""
    file, handle = _new(beside)
    with os.fdopen(handle, "wb") as out:
        out.write(csv_bytes([(*table.names, "line", "fault")]))
        for line, cells, fault in table.rejected():
            held = (*cells, *[""] * (len(table.names) - len(cells)))[: len(table.names)]
            out.write(csv_bytes([(*map(_text, held), line, fault)]))
    return file


def _new(beside: Path) -> tuple[Path, int]:
    number = 1
    while True:
        file = beside.with_name(f"{beside.stem}.rejected{'' if number == 1 else f'-{number}'}.csv")
        try:
            return file, os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            number += 1


def _text(cell: str) -> str:
    """Bytes that are not UTF-8 as the replacement character."""
    return cell.encode(errors="replace").decode()
