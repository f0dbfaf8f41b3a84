"""A table of scores is read whole before anything is sent: whatever program wrote it, each fault by its line and column."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from infra.importer.reading import BadTable, a_file
from infra.importer.rejected import write_rejected
from infra.importer.table import Table, read

START = date(2025, 1, 6)
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@contextmanager
def table_of(folder: Path, content: str | bytes) -> Iterator[Table]:
    file = folder / "scores.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = read(file, START, NOW)
    try:
        yield table
    finally:
        table.close()


def seen(table: Table) -> list[tuple[str, int, str, dict[str, float]]]:
    return [(r.client, r.session, r.day.isoformat(), r.scores) for c in table.clients() for r in table.rows_of(c)]


PLAIN = "id,s,bdi,rq\n1,1,12,3.5\n1,2,NA,4\n"
WANTED = [("1", 1, "2025-01-06", {"bdi": 12.0, "rq": 3.5}), ("1", 2, "2025-01-13", {"rq": 4.0})]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        "\ufeff" + PLAIN,
        PLAIN.replace(",", ";").replace("3.5", "3,5"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "\t").replace("3.5", "3,5"),
        "sep=;\r\n" + PLAIN.replace(",", ";"),
        PLAIN.replace("3.5", '"3,5"'),
        PLAIN.replace("id,s,bdi,rq", '"ID", S ,"BDI","rq"'),
        PLAIN + ",,,\n\n",
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.rstrip("\n"),
    ],
)
def test_whatever_a_spreadsheet_writes_is_read(tmp_path: Path, content: str | bytes) -> None:
    with table_of(tmp_path, content) as table:
        assert seen(table) == WANTED
        assert not list(table.rejected())


@pytest.mark.parametrize(
    "day",
    ["2025-03-04", "2025-03-04 00:00:00", "2025-03-04T09:15", "4.3.2025", "04.03.2025", "45720", "45720.0", "45720.75"],
)
def test_days_as_spreadsheets_write_them(tmp_path: Path, day: str) -> None:
    with table_of(tmp_path, f"id,s,date,bdi\n1,1,{day},3\n") as table:
        assert seen(table) == [("1", 1, "2025-03-04", {"bdi": 3.0})]


FAULTY = {
    "1,1,2025-03-04,1_0": "column 4 (bdi): must be a number",
    "1,1,2025-03-04,1e10": "column 4 (bdi): must be a number",
    "1,1,2025-03-04,many": "column 4 (bdi): must be a number",
    "1,1,2025-03-04,inf": "column 4 (bdi): must be a number",
    '1,1,2025-03-04,"1.234,5"': "column 4 (bdi): must be a number without marks between thousands",
    '1,1,2025-03-04,"1,5"': "column 4 (bdi): decimals are written with '.' since line 2, and with ',' here",
    "1,1,2025-03-04,\x00": "column 4 (bdi): must not hold a NUL character",
    "\x00,1,2025-03-04,1": "column 1 (id): must not hold a NUL character",
    "1,1,2025-03-04,\u200b1": "column 4 (bdi): must be a number",
    "1 ,1,2025-03-04,1": "column 1 (id): must not begin or end with a blank",
    "e\u0301,1,2025-03-04,1": "column 1 (id): must be in Unicode's composed form",
    ",1,2025-03-04,1": "column 1 (id): must not be blank",
    f"{'x' * 191},1,2025-03-04,1": "column 1 (id): 1 to 190 characters",
    "1,zero,2025-03-04,1": "column 2 (s): must be a whole number from 1",
    "1,0,2025-03-04,1": "column 2 (s): must be a whole number from 1",
    "1,007,2025-03-04,1": "column 2 (s): must be a whole number from 1",
    "1,1,,1": "column 3 (date): a day that exists",
    "1,1,2025-02-30,1": "column 3 (date): a day that exists",
    "1,1,04/03/2025,1": "column 3 (date): a day that exists, as YYYY-MM-DD: with slashes",
    "1,1,60,1": "column 3 (date): years 1900 to 2199",
    "1,1,999999,1": "column 3 (date): years 1900 to 2199",
    "1,1,2026-12-01,1": "column 3 (date): the session would be on 2026-12-01; it has not come yet",
    "1,1,2025-03-04": "3 values where 4 are wanted",
    "1,1,2025-03-04,1,1": "5 values where 4 are wanted",
    "a,1,2025-04-04,7": "this client and session on line 2",
    "a,2,2025-03-04,7": "another session of this client on the same day on line 2",
}


@pytest.mark.parametrize("line", FAULTY)
def test_a_fault_is_told_by_line_and_column_and_never_shows_the_value(tmp_path: Path, line: str) -> None:
    with table_of(tmp_path, f"id,s,date,bdi\na,1,2025-03-04,7.5\n{line}\nb,1,2025-03-04,7\n") as table:
        found = {number: fault for number, _, fault in table.rejected()}
        assert found[3].startswith(FAULTY[line])
        assert not {"many", "zero", "1_0", "1e10"} & set(found[3].replace(":", " ").split())
        assert "b" in table.clients(), "the rows after it are read"


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with table_of(tmp_path, "id,s,date,bdi\n,zero,never,many\n1,1,2025-03-04,1\n2,x,2025-03-04,1\n") as table:
        faults = {line: fault for line, _, fault in table.rejected()}
        assert list(faults) == [2, 4]
        for column in ("column 1 (id)", "column 2 (s)", "column 3 (date)", "column 4 (bdi)"):
            assert column in faults[2]


def test_of_two_rows_of_one_session_neither_is_imported(tmp_path: Path) -> None:
    with table_of(tmp_path, "id,s,bdi\n1,1,12\n1,1,13\n1,1,14\n1,2,9\n") as table:
        assert [line for line, _, _ in table.rejected()] == [2, 3, 4]
        assert [row[1] for row in seen(table)] == [2]


def test_bytes_that_are_no_utf8_are_told_by_line(tmp_path: Path) -> None:
    with table_of(tmp_path, b"id,s,bdi\nM\xfcller,1,3\nb,1,4\n") as table:
        assert [(n, f) for n, _, f in table.rejected()] == [(2, "column 1 (id): not valid UTF-8: save the file as CSV UTF-8")]
        file = write_rejected(table, tmp_path / "scores.csv")
        assert "M?ller" in file.read_text()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "line 1: the first line must name the columns"),
        ("\x00", "line 1: the first line must name the columns"),
        ("1,1,12\n", "line 1: the first line must name the columns"),
        ("id|s|bdi\n1|1|12\n", "line 1: the first line must name the columns"),
        ("id,s,bdi\n", "line 1: no row follows"),
        ("id,s,bdi\n,,\n\n", "line 1: no row follows"),
        ("id,s\n1,1\n", "line 1: there is no column with scores"),
        ("id,s,bdi,bdi\n1,1,2,3\n", "line 1, column 4: the same name as column 3"),
        ("id,s,b di\n1,1,2\n", "line 1, column 3: a measure is named by"),
        ('id,s,bdi\n1,1,2\n1,2,"3\n1,3,4\n', "line 3: a quotation mark is not closed"),
        ('id,s,bdi\n1,1,2\n1,2,"3"4\n', "line 3: a quotation mark is not closed"),
        ("id,s,bdi\n1,1," + "2" * 100_001, "line 2: longer than 100,000 characters"),
        (b"\xff\xfei\x00d\x00,", "line 1 or one of the next: not valid UTF-16"),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path: Path, content: str | bytes, why: str) -> None:
    with pytest.raises(BadTable, match="^" + why.replace("(", r"\(").replace("|", r"\|")), table_of(tmp_path, content):
        pass


@pytest.mark.parametrize("name", ["ftp://example.org/scores.csv", "https://example.org/scores.csv", "a\x00b"])
def test_what_is_no_file_is_refused_in_words(name: str) -> None:
    with pytest.raises(BadTable):
        a_file(name)


def test_rejected_rows_stand_in_a_file_of_their_own_that_can_be_imported(tmp_path: Path) -> None:
    with table_of(tmp_path, 'id,s,bdi\n-1,1,many\n"=x",2,-3\n"=x",2,-4\nb,1,2\nc,1\n') as table:
        file = write_rejected(table, tmp_path / "scores.csv")
        second = write_rejected(table, tmp_path / "scores.csv")
    assert (file.name, second.name) == ("scores.rejected.csv", "scores.rejected-2.csv"), "no older file is written over"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert text.splitlines()[0] == "id,s,bdi,line,fault"
    assert "\n'=x,2,'-3,3," in text, "no cell is a formula"
    corrected = text.replace("many", "1").replace("'=x,2,'-4,", "'=x,3,'-4,").replace("\nc,1,,", "\nc,1,5,")
    with table_of(tmp_path, corrected.encode()) as table:
        assert not list(table.rejected())
        assert [(c, s, list(scores.values())) for c, s, _, scores in seen(table)] == [
            ("-1", 1, [1.0]),
            ("=x", 2, [-3.0]),
            ("=x", 3, [-4.0]),
            ("c", 1, [5.0]),
        ]


def test_scores_outside_the_range_of_a_measure_are_rejected(tmp_path: Path) -> None:
    with table_of(tmp_path, "id,s,phq-9,x.y\n1,1,27,99\n1,2,28,1\n1,3,-1,1\n1,4,,1\n") as table:
        table.outside("phq-9", 0, 27)
        table.outside("x.y", 0, 98)
        assert {n: f for n, _, f in table.rejected()} == {
            2: "column 4 (x.y): this measure runs from 0 to 98",
            3: "column 3 (phq-9): this measure runs from 0 to 27",
            4: "column 3 (phq-9): this measure runs from 0 to 27",
        }
