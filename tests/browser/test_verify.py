"""*Verify*: what the officer's browser checks by its own code, of a proof, of the log's key, of the words that a page shows."""

import json
import re

import pytest
from playwright.async_api import expect

from infra.demo.caller import TENANT
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.domain.signed_note import Ed25519Signer
from tests.browser.clinic import Clinic
from tests.browser.conftest import Browse, signed_in, sound


async def test_a_proof_that_was_tampered_with_is_told(clinic: Clinic, browse: Browse) -> None:
    """The browser does not take the server's word: a payload, a path or a signature changed on the way is found."""
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page

    async def verdict(change: str, wrong: str) -> str:
        async def tamper(route) -> None:  # type: ignore[no-untyped-def]
            answer = await route.fetch()
            text = await answer.text()
            changed = re.sub(change, wrong, text, count=1)
            assert changed != text
            await route.fulfill(response=answer, body=changed)

        await page.route("**/proof", tamper)
        await page.goto(f"{clinic.url}/review/entries/40")
        await page.get_by_role("button", name="Verify in this browser").click()
        said = await page.locator(".result").inner_text()
        await page.unroute("**/proof")
        return said

    assert await verdict(r"permit", "denied") == "Not verified."
    assert await verdict(r"index 40", "index 41") == "Not verified."
    assert await verdict(r"\\n\\n([^\\]+)\\n(\d+)\\n", r"\\n\\n\1\\n99999\\n") == "Not verified."
    await page.reload()
    await page.get_by_role("button", name="Verify in this browser").click()
    assert (await page.locator(".result").inner_text()).startswith("Verified")
    await page.evaluate("localStorage.setItem('log:demo', JSON.stringify({vkey: 'another', size: 1}))")
    await page.get_by_role("button", name="Verify again").click()
    await expect(page.locator("#verify-steps")).to_contain_text("not the one that this browser saw before")
    assert await page.locator(".result").inner_text() == "Not verified."
    await sound(watched, "another key")
    await page.get_by_role("button", name="trust it from now on").click()
    await expect(page.locator(".result")).to_contain_text("Verified")


async def test_an_exchanged_key_is_trusted_where_the_old_one_signed_too(clinic: Clinic, browse: Browse) -> None:
    watched = await browse()
    await signed_in(watched, clinic)
    page, old = watched.page, Ed25519Signer(clinic.audit._ledger.vkey(TENANT).partition("+")[0], bytes(32))

    async def both(route) -> None:  # type: ignore[no-untyped-def]
        """As during an exchange of keys: the checkpoint carries the old key's signature as well."""
        answer = await route.fetch()
        given = await answer.json()
        text = given["proof"].partition("\n\n")[2].partition("\n\n")[0] + "\n"
        given["proof"] += old.sign(text).decode().rpartition("\n\n")[2]
        await route.fulfill(response=answer, json=given)

    await page.route("**/proof", both)
    await page.goto(f"{clinic.url}/review/entries/40")
    known = json.dumps({"vkey": old.verifier.vkey, "size": 1})
    await page.evaluate("known => localStorage.setItem('log:demo', known)", known)
    await page.get_by_role("button", name="Verify in this browser").click()
    await expect(page.locator("#verify-steps")).to_contain_text("the one that this browser saw before signed this too")
    await expect(page.locator(".result")).to_contain_text("Verified")
    await page.unroute("**/proof")
    await page.get_by_role("button", name="Verify again").click()
    await expect(page.locator("#verify-steps")).to_contain_text("The key is the one that this browser saw before")


@pytest.mark.parametrize("word", ["TREAT", "session_notes", "therapist", "chidi.okafor", "no-relationship", "progress_note"])
async def test_a_page_that_shows_other_words_than_were_logged_is_told(clinic: Clinic, browse: Browse, word: str) -> None:
    watched = await browse()
    await signed_in(watched, clinic)
    page = watched.page
    (refused, *_) = await clinic.audit._ledger.search(
        TENANT, Filters(actions=("read",), outcome="deny", agent="chidi.okafor", client_id=clinic.demo.client_id)
    )

    async def tamper(route) -> None:  # type: ignore[no-untyped-def]
        answer = await route.fetch()
        text = await answer.text()
        assert word in text
        await route.fulfill(response=answer, body=text.replace(word, "another"))

    address = f"{clinic.url}/review/entries/{refused.index}"
    await page.route(address, tamper)
    await page.goto(f"{address}#verify")
    await expect(page.locator(".result")).to_have_text("Not verified.")
    await expect(page.locator("#verify-steps .bad").filter(has_text="what this page shows")).to_have_count(1)
