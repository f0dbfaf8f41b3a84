"""The officers' pages in a real browser: each page, wide and narrow, light and dark, by mouse and by keyboard."""

import itertools
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from playwright.async_api import expect

from infra.demo.caller import TENANT
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.domain.signed_note import parse_vkey
from services.audit_log.reports.domain.export_check import check_bundle
from shared.service.clock import now
from tests.browser.clinic import Clinic
from tests.browser.conftest import Browse, Picture, signed_in, sound
from tests.support.browser import Watched

LOOKS = list(itertools.product((1280, 360), (False, True)))


async def entries(clinic: Clinic, action: str) -> int:
    return len(await clinic.audit._ledger.search(TENANT, Filters(actions=(action,), agent="officer"), limit=500))


async def drawn_whole(watched: Watched) -> None:
    """Of each picture all is to be seen without scrolling, no word lies on another, and none is too small to read."""
    found = await watched.page.evaluate("""() => [...document.querySelectorAll("figure.drawn svg[role=img]")]
      .filter((svg) => svg.checkVisibility()).map((svg) => {
        const outer = svg.closest("figure").getBoundingClientRect(), all = [...svg.querySelectorAll("text")];
        const boxes = all.map((text) => text.getBoundingClientRect());
        const over = (a, b) => a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom;
        return {
          outside: [svg.getBoundingClientRect(), ...boxes].filter((b) => b.left < outer.left || b.right > outer.right).length,
          overlapping: all.filter((_, i) => boxes.some((box, j) => j < i && over(box, boxes[i]))).map((text) => text.textContent),
          lowest: Math.min(...boxes.map((box) => box.height)),
        };
      })""")
    assert found
    for picture in found:
        assert (picture["outside"], picture["overlapping"]) == (0, []) and picture["lowest"] >= 11, picture


def since(days: int) -> str:
    return str((now() - timedelta(days=days)).date())


def label(name: str, width: int, dark: bool) -> str:
    return f"{name}-{width}-{'dark' if dark else 'light'}"


@pytest.mark.parametrize(("width", "dark"), LOOKS)
async def test_each_page_in_each_look(clinic: Clinic, browse: Browse, picture: Picture, width: int, dark: bool) -> None:
    watched = await browse(width=width, dark=dark)
    page = watched.page
    await page.goto(f"{clinic.url}/review/")
    await page.wait_for_url("**/review/sign-in")
    await sound(watched, "sign-in")
    await picture(watched, label("sign-in", width, dark))
    await signed_in(watched, clinic)
    await expect(page.get_by_role("heading", name="Today", exact=True)).to_be_visible()
    await expect(page.locator("#break-glass")).to_contain_text("night.shift")
    await expect(page.locator("#refusals")).to_contain_text("Chidi Okafor")
    await expect(page.locator("#alarms")).to_contain_text("no entry of the log allowed")
    await expect(page.locator("#ledger")).to_contain_text("No witness has co-signed")
    await sound(watched, "today")
    await picture(watched, label("today", width, dark))
    await page.goto(f"{clinic.url}/review/search?client_id={clinic.demo.client_id}")
    assert await page.locator(".hit").count() == 50
    await sound(watched, "search")
    await picture(watched, label("search", width, dark), whole=False)
    newest = await clinic.audit._ledger.search(TENANT, Filters(actions=("read",), outcome="deny", agent="chidi.okafor"))
    await page.goto(f"{clinic.url}/review/entries/{newest[0].index}#verify")
    await expect(page.locator(".result")).to_have_text("Verified: this entry stands in the signed log, unchanged.")
    await page.get_by_text("Every rule that was asked").first.click()
    await sound(watched, "entry")
    await picture(watched, label("entry", width, dark))
    await page.goto(f"{clinic.url}/review/")
    await page.get_by_role("link", name="Review the access of night.shift").click()
    await expect(page.locator("blockquote")).to_contain_text("Found unresponsive")
    await sound(watched, "break-glass")
    await picture(watched, label("break-glass", width, dark))
    await page.goto(f"{clinic.url}/review/snooping")
    await expect(page.locator(".share")).to_contain_text("explain themselves")
    await sound(watched, "snooping")
    await picture(watched, label("snooping", width, dark))
    await page.goto(f"{clinic.url}/review/snooping/person?sub=chidi.okafor")
    await expect(page.locator(".asks").first).to_contain_text("No care relationship between them is recorded.")
    await sound(watched, "person")
    await picture(watched, label("person", width, dark))
    await page.get_by_role("link", name="Reports").click()
    await sound(watched, "reports")
    await picture(watched, label("reports", width, dark))
    await page.locator("form[action='/review/accounting'] input").fill(clinic.demo.client_id)
    await page.get_by_role("button", name="Open the client’s accounting").click()
    await expect(page.locator("h1")).to_have_text("Accounting of disclosures")
    await page.get_by_role("button", name="Start the 60 days").click()
    await expect(page.locator(".hit").first).to_contain_text("due by")
    await page.get_by_label("To whom").fill("County Court of Riverside")
    await page.get_by_label("Address, where known").fill("4050 Main Street, Riverside")
    await page.get_by_label("session notes").check()
    await page.get_by_role("button", name="Write it into the ledger").last.click()
    await expect(page.locator("h1")).to_have_text("Accounting of disclosures")
    await sound(watched, "accounting")
    await picture(watched, label("accounting", width, dark))
    await page.get_by_role("link", name="Read it as a page").first.click()
    await expect(page.locator(".letter li").first).to_contain_text("County Court of Riverside (4050 Main Street, Riverside)")
    await page.get_by_role("button", name="Show names").click()
    await expect(page.locator(".letter")).to_contain_text("Noor Haddad")
    await sound(watched, "document")
    await picture(watched, label("document", width, dark))
    await page.get_by_role("link", name="Reports").click()
    await page.get_by_role("link", name="Forms that are read more strictly").click()
    await expect(page.locator("h1")).to_contain_text("Forms read more strictly")
    await sound(watched, "strict-readings")
    await picture(watched, label("strict-readings", width, dark))
    await page.get_by_role("link", name="Reports").click()
    await page.get_by_role("link", name="The rules of law that decide here").click()
    await expect(page.locator("main")).to_contain_text("This pack binds your practice.")
    await expect(page.locator(".hit").first).to_contain_text("not reviewed by a lawyer")
    await sound(watched, "law")
    await picture(watched, label("law", width, dark))
    await page.goto(f"{clinic.url}/review/pictures?from={since(42)}")
    await expect(page.locator("svg[role=img]:visible")).to_have_count(3)
    await drawn_whole(watched)
    await sound(watched, "pictures")
    await picture(watched, label("pictures", width, dark))
    await page.goto(f"{clinic.url}/review/pictures/clients/{clinic.demo.client_id}")
    await expect(page.locator("rect.agreed:visible")).to_have_count(2)
    await drawn_whole(watched)
    await sound(watched, "timeline")
    await picture(watched, label("timeline", width, dark))


async def test_a_report_made_by_a_click_verifies_without_the_server(clinic: Clinic, browse: Browse, tmp_path: Path) -> None:
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page
    for button, report, field, value in (
        ("Make the report", "access-report", "Client", clinic.demo.client_id),
        ("Make the accounting", "accounting-of-disclosures", "Client", clinic.demo.client_id),
        ("Make the review", "activity", "Person", "night.shift"),
    ):
        await page.goto(f"{clinic.url}/review/reports")
        form = page.locator(f"form[action$='/{report}']")
        await form.get_by_label(field).fill(value)
        async with page.expect_download() as coming:
            await form.get_by_role("button", name=button).click()
        file = tmp_path / f"{report}.zip"
        await (await coming.value).save_as(file)
        key = parse_vkey(await page.locator("section[aria-labelledby=h-check] p code").last.inner_text())
        found = check_bundle(file, key)
        # the accounting holds what was entered by hand above, and nothing of treatment
        assert found.manifest["report"] == report and found.proved == found.rows
        assert found.rows > 0 or report == "accounting-of-disclosures"
        assert await entries(clinic, f"export-{report}") == 1


async def test_names_come_from_the_record_and_leave_an_entry(clinic: Clinic, browse: Browse) -> None:
    watched = await browse()
    await signed_in(watched, clinic)
    await watched.page.goto(f"{clinic.url}/review/search?client_id={clinic.demo.client_id}&action=create")
    body = await watched.page.content()
    assert "Noor Haddad" not in body
    before = await entries(clinic, "read")
    sent: list[str] = []
    watched.page.on("request", lambda r: sent.append(f"{r.url} {r.post_data or ''}"))
    await watched.page.get_by_role("button", name="Show names").click()
    await expect(watched.page.locator(".client .name").first).to_have_text("Noor Haddad")
    assert await entries(clinic, "read") == before + 1
    assert sent and not [s for s in sent if "Noor" in s or "Haddad" in s], "the name stays in the browser"
    kept = await clinic.audit._store.fetch(
        TENANT, "SELECT count(*) AS n FROM ledger_payload WHERE convert_from(payload, 'UTF8') LIKE '%Noor%'"
    )
    assert kept[0]["n"] == 0


async def test_the_keyboard_is_enough(clinic: Clinic, browse: Browse) -> None:
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    await page.goto(f"{clinic.url}/review/search")
    await page.locator("input[name=agent]").focus()
    await page.keyboard.type("chidi")
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == "Search":
            break
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"agent=chidi"))
    assert await page.locator(".hit").count() > 3


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(clinic: Clinic, browse: Browse) -> None:
    """By Tab alone, on each page; of a group of choices one, as browsers do."""
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page
    review = await page.locator("#break-glass a[href*='/break-glass/']").first.get_attribute("href")
    paths = [
        "/review/",
        "/review/search?limit=5",
        "/review/entries/40",
        "/review/snooping",
        "/review/pictures",
        "/review/reports",
        "/review/strict-readings",
        "/review/law",
    ]
    paths += ["/review/snooping/person?sub=night.shift", f"/review/pictures/clients/{clinic.demo.client_id}", str(review)]
    for path in paths:
        await page.goto(clinic.url + path)
        wanted = await page.evaluate("""() => {
          const seen = new Set(), ways = "a[href], button, input:not([type=hidden]), select, textarea, summary";
          window.reachable = [...document.querySelectorAll(ways)]
            .filter((e) => e.checkVisibility() && !(e.type === "radio" && seen.has(e.name)) && seen.add(e.name || e));
          return window.reachable.length;
        }""")
        reached: set[int] = set()
        for _ in range(4 * wanted + 10):
            await page.keyboard.press("Tab")
            place, outline = await page.evaluate(
                "() => [window.reachable.indexOf(document.activeElement), getComputedStyle(document.activeElement).outlineStyle]"
            )
            if place >= 0:
                assert outline != "none", (path, place)
                reached.add(place)
            if len(reached) == wanted:
                break
        assert len(reached) == wanted > 5, (path, sorted(set(range(wanted)) - reached))


async def test_pages_follow_one_another_and_the_end_date_counts(clinic: Clinic, browse: Browse) -> None:
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page
    await page.goto(f"{clinic.url}/review/search?kind=disclosure&action=read&limit=200")
    seen: list[str] = []
    while True:
        seen += await page.locator(".hit .facts code:first-of-type").all_inner_texts()
        older = page.get_by_role("link", name="Older entries")
        if not await older.count():
            break
        await older.click()
    numbers = [int(t) for t in seen if t.isdigit()]
    assert len(numbers) == len(set(numbers)) > 200
    stored = await clinic.audit._ledger.entry(TENANT, numbers[60])
    day = stored.entry.at.date().isoformat()
    await page.goto(f"{clinic.url}/review/search?kind=disclosure&action=read&from={day}&to={day}&limit=200")
    assert str(numbers[60]) in await page.locator(".hit .facts code").all_inner_texts()


async def test_a_break_glass_review_is_decided_on_its_page(clinic: Clinic, browse: Browse) -> None:
    night = clinic.token("night.shift", "therapist", "Dr. Tomas Weil")
    body = {
        "client_id": clinic.demo.client_id,
        "purpose": "BTG",
        "scope": [],
        "minutes": 5,
        "reason": "A second call from the ward.",
    }
    _, made = await clinic.call("POST", "/v1/break-glass", night, body, **{"Idempotency-Key": "second"})
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page
    await page.goto(f"{clinic.url}/review/break-glass/{made['id']}")
    await page.get_by_text("Justified", exact=True).click()
    await page.get_by_role("textbox").fill("The ward's call is documented; the scope was right.")
    await page.get_by_role("button", name="Write the decision into the ledger").click()
    await expect(page.locator("main")).to_contain_text("justified")
    found = await clinic.audit._ledger.search(TENANT, Filters(kinds=("grant",), agent="officer"))
    assert found[0].entry.reason == "reviewed-justified" and "ward" in found[0].entry.detail["note"]


async def test_the_whole_log_is_recomputed_from_the_page(clinic: Clinic, browse: Browse) -> None:
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page
    await page.get_by_role("button", name="Recompute the whole log now").click()
    for _ in range(100):
        await page.goto(f"{clinic.url}/review/")
        if "agree with what was signed" in await page.locator("#ledger").inner_text():
            break
        await page.wait_for_timeout(200)
    await expect(page.locator("#ledger")).to_contain_text("R. Ilves")


async def test_likeness_comes_as_signed_flags_and_never_as_values(clinic: Clinic, browse: Browse) -> None:
    """A person of the client's surname read the record under break-glass; session_notes tells the likeness, and no name."""
    kin = clinic.token("sami.haddad", "therapist", "Sami Haddad")
    body = {"client_id": clinic.demo.client_id, "purpose": "BTG", "scope": [], "minutes": 5, "reason": "A call from the ward."}
    await clinic.call("POST", "/v1/break-glass", kin, body)
    status, _ = await clinic.call("GET", f"/v1/notes/{clinic.demo.note_id}", kin, **{"X-Purpose-Of-Use": "BTG"})
    assert status == 200
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.post_data or "") if r.url.endswith("/snooping/likeness") else None)
    await page.goto(f"{clinic.url}/review/snooping")
    await page.get_by_role("link", name="Look at the uses by Sami Haddad").click()
    await expect(page.locator(".asks")).not_to_contain_text("surname")
    await page.get_by_role("button", name="Compare surname and address").click()
    await expect(page.locator(".asks")).to_contain_text("share a surname, which may be chance")
    assert len(sent) == 1 and "Noor" not in unquote_plus(sent[0])
    forged = re.sub(r"statement=[^&]{8}", "statement=e30lM0Ra", sent[0])
    answer = await page.request.post(
        f"{clinic.url}/review/snooping/likeness",
        data=forged,
        headers={"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status in (403, 422)
    found = await clinic.audit._ledger.search(TENANT, Filters(actions=("compare-likeness",)))
    assert found[0].entry.detail == {"person": "sami.haddad", "ties": ["same_surname"]}


async def test_a_case_is_decided_with_a_note_that_is_an_entry(clinic: Clinic, browse: Browse) -> None:
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page
    await page.goto(f"{clinic.url}/review/snooping/person?sub=chidi.okafor")
    await page.get_by_text("Follow up", exact=True).click()
    await page.get_by_role("textbox", name="Why").fill("Asked Chidi Okafor for a word on Monday, with his supervisor.")
    await page.get_by_role("button", name="Write the decision into the ledger").click()
    await page.wait_for_url(f"{clinic.url}/review/snooping")
    await expect(page.get_by_role("link", name="Look at the uses by Chidi Okafor")).to_have_count(0)
    (found,) = await clinic.audit._ledger.search(TENANT, Filters(actions=("decide-accesses",)))
    detail = found.entry.detail
    assert (detail["person"], detail["decision"], detail["covered"]) == ("chidi.okafor", "follow_up", 9)
    assert found.entry.agent == "officer" and detail["note"].startswith("Asked")


@pytest.mark.parametrize("whole_month", [False, True])
async def test_pictures_say_what_the_ledger_says(clinic: Clinic, browse: Browse, whole_month: bool) -> None:
    """Each picture's table adds up to the entries themselves, and its CSV is the table: by days, and by months that are whole."""
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page
    first, last = (now() - timedelta(days=29)).date(), (now() - timedelta(days=2)).date()
    if whole_month:
        last = now().date().replace(day=1) - timedelta(days=1)
        first = last.replace(day=1)
    uses = await clinic.audit._store.fetch(
        TENANT,
        "SELECT count(*) AS n, count(*) FILTER (WHERE outcome = 'deny') AS refused FROM ledger_entry "
        "WHERE tenant_id = $1 AND kind = 'disclosure' AND (at AT TIME ZONE 'UTC')::date BETWEEN $2 AND $3",
        TENANT,
        first,
        last,
    )
    asked = f"from={first}&to={last}"
    await page.goto(f"{clinic.url}/review/pictures?{asked}")
    totals = {}
    for name, column in (("hours", 2), ("people", 3), ("refusals", 1)):
        body = await (await page.request.get(f"{clinic.url}/review/pictures/{name}.csv?{asked}")).text()
        rows = [line.split(",") for line in body.split("\r\n")[1:] if line]
        totals[name] = sum(int(row[column]) for row in rows)
        assert await page.locator(f"section[aria-labelledby=h-{name}] tbody tr").count() == len(rows)
    assert totals == {"hours": uses[0]["n"], "people": uses[0]["n"], "refusals": uses[0]["refused"]}
    assert totals["hours"] > 100
    days = page.locator("section[aria-labelledby=h-refusals] tbody tr")
    assert await page.locator("rect.refused:visible").count() == await days.count()
