"""The length of a file does not show in memory: 100,000 rows take what 1,000 take."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MORE: int = 8 << 10
"""KiB that a hundred times the rows may take; 100,000 rows in lists take over 60 MiB"""
READ = """
import resource, sys
from datetime import UTC, date, datetime
from pathlib import Path
from infra.importer.table import read

table = read(Path(sys.argv[1]), date(2025, 1, 6), datetime(2026, 11, 30, tzinfo=UTC))
rows = sum(1 for client in table.clients() for row in table.rows_of(client))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(folder: Path, rows: int) -> int:
    """KiB"""
    file = folder / f"{rows}.csv"
    with file.open("w") as out:
        out.write("id,s,bdi,rq\n")
        # the sessions of a client do not stand together
        out.writelines(f"client-{n % (rows // 20)},{n // (rows // 20) + 1},{n % 60},{n % 7}.5\n" for n in range(rows))
    done = subprocess.run([sys.executable, "-c", READ, str(file)], cwd=ROOT, capture_output=True, text=True, check=True)
    read, kib = map(int, done.stdout.split())
    assert read == rows
    return kib


def test_memory_stays_flat(tmp_path: Path) -> None:
    assert peak(tmp_path, 100_000) - peak(tmp_path, 1_000) < MORE
