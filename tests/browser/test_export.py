"""The export in a real browser: its bar moves with the rows; it stops, breaks off, and downloads without scripts as well."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Download, Page, expect

import services.audit_log.officers.adapters.entry_search as entry_search
from infra.demo.caller import TENANT
from services.audit_log.ledger.application.ledger_view import Filters, StoredEntry
from services.audit_log.officers.adapters.entry_search import EntrySearch
from tests.browser.clinic import Clinic
from tests.browser.conftest import Browse, Picture, signed_in, sound
from tests.browser.test_pages import entries, label

QUERY = "kind=disclosure&agent=ada.rivera"
PAGE = 20


class Held:
    """The real export, held behind its third page until it may go on, or breaking off there."""

    def __init__(self) -> None:
        self.go_on, self.breaks = asyncio.Event(), False

    def put_in(self, patch: pytest.MonkeyPatch) -> None:
        real = EntrySearch.all

        async def slow(search: EntrySearch, tenant: str, filters: Filters) -> AsyncIterator[list[StoredEntry]]:
            number = 0
            async for page in real(search, tenant, filters):
                number += 1
                yield page
                if number == 3:
                    await self.go_on.wait()
                    if self.breaks:
                        raise ConnectionResetError("the export's database went away")

        patch.setattr(entry_search, "_EXPORT_PAGE", PAGE)
        patch.setattr(EntrySearch, "all", slow)


@pytest.fixture
async def held(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Held]:
    made = Held()
    made.put_in(monkeypatch)
    yield made
    made.go_on.set()


async def begun(page: Page, clinic: Clinic) -> None:
    await page.goto(f"{clinic.url}/review/search?{QUERY}")
    await expect(page.locator("#export-progress")).to_be_hidden()
    await page.get_by_role("link", name="All of them as CSV").click()
    await expect(page.locator("#export-count")).to_contain_text(re.compile(rf"^{3 * PAGE} entries, back to \d{{4}}-\d\d-\d\d$"))


@pytest.mark.parametrize("width", [1280, 360])
async def test_the_bar_moves_with_the_rows(clinic: Clinic, browse: Browse, picture: Picture, held: Held, width: int) -> None:
    watched = await browse(width=width)
    await signed_in(watched, clinic)
    page, before = watched.page, await entries(clinic, "exported-ledger")
    await begun(page, clinic)
    bar = page.get_by_role("progressbar", name="Export as CSV")
    half = await bar.evaluate("bar => bar.value")
    assert 5 < half < 95, "as far back as the rows have come"
    await sound(watched, "export")
    await picture(watched, label("export", width, False), whole=False)
    async with page.expect_download() as coming:
        held.go_on.set()
    download = await coming.value
    text = Path(await download.path()).read_text()
    rows = len(re.findall(r"^\d+,", text, re.M))
    found = await clinic.audit._ledger.search(TENANT, Filters(kinds=("disclosure",), agent="ada.rivera"), limit=1_000)
    assert (download.suggested_filename, rows) == ("ledger-entries.csv", len(found))
    assert rows > 4 * PAGE
    await expect(page.get_by_role("status").filter(has_text="Done")).to_have_text(
        f"Done: {rows} entries saved as ledger-entries.csv."
    )
    assert await bar.evaluate("bar => bar.value") == 100
    assert await entries(clinic, "exported-ledger") == before + 1


async def test_a_stopped_export_saves_nothing(clinic: Clinic, browse: Browse, held: Held) -> None:
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page
    saved: list[Download] = []
    page.on("download", lambda d: saved.append(d))
    await begun(page, clinic)
    await page.get_by_role("button", name="Stop the export").click()
    await expect(page.locator("#export-said")).to_have_text("Stopped: nothing was saved.")
    await expect(page.get_by_role("button", name="Stop the export")).to_be_hidden()
    held.go_on.set()
    async with page.expect_download():  # and it can be begun again
        await page.get_by_role("link", name="All of them as CSV").click()
    assert len(saved) == 1


async def test_an_export_that_breaks_off_saves_nothing(clinic: Clinic, browse: Browse, held: Held) -> None:
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page
    saved: list[Download] = []
    page.on("download", lambda d: saved.append(d))
    held.breaks = True
    await begun(page, clinic)
    held.go_on.set()
    await expect(page.locator("#export-said")).to_have_text("The export broke off, and nothing was saved. Try again.")
    assert saved == []
    watched.complaints[:] = [c for c in watched.complaints if "ERR_INCOMPLETE_CHUNKED_ENCODING" not in c]


async def test_without_scripts_the_link_downloads(clinic: Clinic, browse: Browse) -> None:
    watched = await browse(scripts=False)
    page = watched.page
    await page.goto(f"{clinic.url}/review/sign-in")
    await page.locator("summary").click()
    await page.locator("#token").fill(clinic.officer())
    await page.get_by_role("button").click()
    await page.wait_for_url(f"{clinic.url}/review/")
    await page.goto(f"{clinic.url}/review/search?{QUERY}")
    await expect(page.locator("#export-progress")).to_be_hidden()
    async with page.expect_download() as coming:
        await page.get_by_role("link", name="All of them as CSV").click()
    download = await coming.value
    text = Path(await download.path()).read_text()
    found = await clinic.audit._ledger.search(TENANT, Filters(kinds=("disclosure",), agent="ada.rivera"), limit=1_000)
    assert (download.suggested_filename, len(re.findall(r"^\d+,", text, re.M))) == ("ledger-entries.csv", len(found))
