"""The page on the phone in a real browser: 360 px, by keyboard, through a lost connection."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.clinic import Clinic
from tests.browser.conftest import Browse, Picture, sound
from tests.support.browser import Watched

MOST_BYTES = 60_000


async def asked(clinic: Clinic, instrument: str) -> tuple[str, str]:
    """Administration and link."""
    therapist = clinic.token("lena.marsh", "therapist", "Dr. Lena Marsh")
    body = {"client_id": clinic.demo.client_id, "instrument": instrument, "rater": "client"}
    status, made = await clinic.call("POST", "/v1/administrations", therapist, body)
    assert status == 201
    return made["id"], f"{clinic.url}/answer/" + made["link"].rpartition("/answer/")[2]


async def opened(watched: Watched, link: str) -> Page:
    page = watched.page
    await page.goto(link)
    await expect(page.locator("html[data-ready=yes]")).to_be_attached()
    assert "#" not in page.url
    return page


async def answers_of(clinic: Clinic, administration: str) -> dict[str, Any]:
    client = clinic.token("noor.haddad", "client", "Noor Haddad", client_id=clinic.demo.client_id)
    _, found = await clinic.call("GET", f"/v1/administrations/{administration}", client)
    assert isinstance(found, dict)
    return found


async def by_keyboard(page: Page, ups: int) -> None:
    """The focus is on a question's legend: Tab to its options, choose the one `ups` places after the first."""
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    for _ in range(ups):
        await page.keyboard.press("ArrowDown")


async def to(page: Page, button: str) -> None:
    """Tab until the focus is on the button, then press it."""
    for _ in range(12):
        if await page.evaluate("document.activeElement.id") == button:
            break
        await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.id") == button
    await page.keyboard.press("Enter")


@pytest.mark.parametrize(("instrument", "items", "dark"), [("phq-9", 9, False), ("wai-sr", 12, True)])
async def test_answered_by_keyboard_through_a_lost_connection(
    clinic: Clinic, browse: Browse, picture: Picture, instrument: str, items: int, dark: bool
) -> None:
    administration, link = await asked(clinic, instrument)
    watched = await browse(width=360, dark=dark)
    page = await opened(watched, link)
    await expect(page.locator("#before")).to_contain_text("Who will see your answers")
    assert await page.locator(".question:visible").count() == 0
    notice = page.locator("#before .risk")
    assert await notice.count() == (1 if instrument == "phq-9" else 0)
    await sound(watched, "before")
    await picture(watched, f"answer-before-{instrument}")
    await to(page, "begin")
    for number in range(1, items + 1):
        assert await page.locator(".question:visible").count() == 1
        await by_keyboard(page, number % 3)
        if number == 2:
            await sound(watched, "question")
            await picture(watched, f"answer-question-{instrument}")
        if number == 4:
            await watched.context.set_offline(True)
        if number == 6:
            await expect(page.locator("#form[data-kept=yes]")).to_be_attached()
            await watched.context.set_offline(False)
            await page.reload()  # the answers so far lie sealed on the device
            await expect(page.locator("html[data-ready=yes]")).to_be_attached()
            await expect(page.locator(".question:visible input:checked")).to_have_count(1)
            await page.locator(".question:visible legend").focus()
            await page.keyboard.press("Tab")
        if number < items:
            await to(page, "next")
    await watched.context.set_offline(True)
    await to(page, "send")
    await expect(page.locator("#told")).to_contain_text("no connection")
    assert (await answers_of(clinic, administration))["status"] == "open"
    await watched.context.set_offline(False)
    await expect(page.locator("#after")).to_be_visible()
    low = 0 if instrument == "phq-9" else 1
    found = await answers_of(clinic, administration)
    assert found["answers"] == {str(n): low + n % 3 for n in range(1, items + 1)}
    assert await page.locator("#now").is_visible() == (instrument == "phq-9" and 9 % 3 > 0)
    await sound(watched, "after")
    await picture(watched, f"answer-after-{instrument}")
    await page.reload()
    await expect(page.locator("#said")).to_contain_text("was answered")
    watched.complaints[:] = [c for c in watched.complaints if "ERR_INTERNET_DISCONNECTED" not in c and "409" not in c]


async def test_an_answer_about_danger_says_whom_to_call(clinic: Clinic, browse: Browse, picture: Picture) -> None:
    _, link = await asked(clinic, "phq-9")
    watched = await browse(width=360)
    page = await opened(watched, link)
    await page.locator("#begin").click()
    await page.get_by_label("All questions").check()
    await expect(page.locator(".question:visible")).to_have_count(9)
    await sound(watched, "all")
    await page.locator("#q9 .option").nth(2).click()
    await page.locator("#send").click()
    await expect(page.locator("#now")).to_contain_text("emergency number")
    await sound(watched, "now")
    await picture(watched, "answer-now")


async def test_skipped_questions_stay_skipped_and_a_line_is_drawn(clinic: Clinic, browse: Browse) -> None:
    administration, link = await asked(clinic, "srs")
    page = await opened(await browse(width=360), link)
    await page.locator("#begin").click()
    await page.get_by_label("All questions").check()
    for item in (1, 2, 3):
        await page.locator(f"#q{item} input").focus()
        await page.keyboard.press("ArrowRight")
    await page.locator("#q2 .skip").click()
    await page.locator("#send").click()
    await expect(page.locator("#after")).to_be_visible()
    found = await answers_of(clinic, administration)
    assert set(found["answers"]) == {"1", "3"} and {2, 4} <= set(found["missing"])


async def test_a_link_opens_on_one_device_and_never_stands_in_an_address(clinic: Clinic, browse: Browse) -> None:
    _, link = await asked(clinic, "wai-sr")
    first, second = await browse(width=360), await browse(width=360)
    seen: list[str] = []
    first.page.on("request", lambda r: seen.append(r.url))
    page = await opened(first, link)
    secret = link.rpartition("#")[2]
    assert seen and not [url for url in seen if secret in url.partition("#")[0]]
    cookies = await first.context.cookies()
    assert [(c["httpOnly"], c["sameSite"]) for c in cookies] == [(True, "Strict")] and secret not in cookies[0]["value"]
    assert await page.evaluate("document.cookie") == ""
    await second.page.goto(link)
    await expect(second.page.locator("#said")).to_contain_text("another device")
    second.complaints[:] = [c for c in second.complaints if "409" not in c]
    await first.context.clear_cookies()  # the cookie's half hour is over: the same device opens the link again
    await page.goto("about:blank")
    await opened(first, link)


async def test_without_script_the_page_says_what_to_do_and_in_german(clinic: Clinic, browse: Browse) -> None:
    _, link = await asked(clinic, "gad-7")
    plain = await browse(width=360, scripts=False)
    await plain.page.goto(link)
    await expect(plain.page.get_by_text("You can answer another way")).to_be_visible()
    german = await browse(width=360)
    await german.context.set_extra_http_headers({"Accept-Language": "de-CH, en;q=0.5"})
    page = await opened(german, link)
    assert await page.locator("html").get_attribute("lang") == "de"
    await expect(page.locator("#before")).to_contain_text("Wer Ihre Antworten sieht")
    await sound(german, "german")


async def test_the_page_is_light_and_its_targets_large(clinic: Clinic, browse: Browse) -> None:
    """Bytes of everything it loads; the time to the first question at a quarter of the speed is printed, not judged."""
    _, link = await asked(clinic, "phq-9")
    watched = await browse(width=360)
    sizes: list[int] = []
    devtools = await watched.context.new_cdp_session(watched.page)
    await devtools.send("Network.enable")
    devtools.on("Network.loadingFinished", lambda e: sizes.append(int(e["encodedDataLength"])))
    await devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page = await opened(watched, link)
    await page.locator("#begin").click()
    until = await page.evaluate("performance.now()")
    assert 0 < sum(sizes) <= MOST_BYTES
    print(f"the page on the phone: {sum(sizes)} bytes, first question {until:.0f} ms after its address, CPU at a quarter")
    heights = await page.evaluate(
        "[...document.querySelectorAll('.option, button')].filter(e => e.checkVisibility()).map(e => e.offsetHeight)"
    )
    assert min(heights) >= 44


async def test_what_a_clinic_loads_in_a_right_to_left_script_runs_so(clinic: Clinic, browse: Browse) -> None:
    _, link = await asked(clinic, "gad-7")
    watched = await browse(width=360)
    page = await opened(watched, link)
    await page.locator("#begin").click()
    await page.evaluate("document.querySelector('#q1 .option span').textContent = 'כלל לא'")
    assert await page.evaluate("getComputedStyle(document.querySelector('#q1 .option span')).direction") == "rtl"
    assert await watched.widest() <= 0
