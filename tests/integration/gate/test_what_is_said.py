"""What a person reads about real entries is what happened: on the officers' pages, in the client's report, in the accounting."""

import re
import zipfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from services.audit_log.ledger.api.ledger import REPORT_KINDS
from services.audit_log.ledger.application.ledger_view import Filters, StoredEntry
from services.audit_log.ledger.application.recipients import UNKNOWN
from services.audit_log.ledger.application.reports import Order
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.ledger.domain.sentences import Audience, sentence
from services.audit_log.ledger.domain.words import GRANTS
from services.audit_log.reports.adapters.pdf_report import PdfReport
from services.audit_log.reports.api.exports import ACCOUNTING, report_for
from services.audit_log.reports.application.exporting import Exporter, Told
from shared.contracts.disclosure import Action
from tests.integration.gate.gate_support import World
from tests.integration.gate.test_review_sign_in import sign_in
from tests.integration.gate.test_reviews import NOTE, call, granted
from tests.support.ledger import entry, signed

CRISIS_TEAM = "The county's crisis team"


def officer(world: World) -> str:
    return world.token("co-weiss", "compliance_officer")


async def of_kind(world: World, kind: EntryKind, **filters: Any) -> list[StoredEntry]:
    return await world.service._ledger.search(world.tenant, Filters(kinds=(kind.value,), **filters), limit=200)


async def threat(world: World, site: str) -> int:
    """A note was read in order to tell the crisis team; the index of the reading."""
    await world.usual()
    ref, _ = await world.note()
    made = await granted(site, world, "THREAT", scope=[ref.record_id], recipient=CRISIS_TEAM)
    approvals = f"/v1/break-glass/{made['id']}/approvals"
    assert (await call(site, world.token("t-night", "therapist"), "POST", approvals))[0] == 403
    assert (await call(site, world.token("s-lind", "supervisor"), "POST", approvals))[0] == 200
    read = await world.ask(world.token("t-night", "therapist"), Action.READ, ref, purpose="THREAT")
    assert read.keys
    return read.entries[0]


async def glass(world: World, site: str) -> int:
    """A note was read under break-glass, and a supervisor found it justified; the index of the reading."""
    await world.usual()
    ref, _ = await world.note()
    made = await granted(site, world)
    read = await world.ask(world.token("t-night", "therapist"), Action.READ, ref, purpose="BTG")
    assert read.keys
    body = {"decision": "justified", "note": NOTE}
    path = f"/v1/audit/reviews/{made['id']}/decisions"
    assert (await call(site, world.token("s-lind", "supervisor"), "POST", path, body))[0] == 200
    return read.entries[0]


async def page(site: str, world: World, jar: aiohttp.ClientSession, path: str) -> str:
    """The text of an officers' page, without its tags."""
    await sign_in(jar, site, officer(world))
    async with jar.get(f"{site}/review/{path}") as answer:
        assert answer.status == 200
        return " ".join(re.sub(r"<[^>]+>", " ", await answer.text()).split())


async def accounting(site: str, world: World) -> list[dict[str, Any]]:
    _, body = await call(site, officer(world), "GET", f"/v1/audit/clients/{world.client}/accounting-of-disclosures")
    return list(body["items"])


async def test_the_accounting_names_whom_the_threat_grant_names(world: World, site: str) -> None:
    """45 CFR 164.528(b)(2)(ii): who received it, not who read it in order to tell them."""
    index = await threat(world, site)
    (line,) = await accounting(site, world)
    assert (line["index"], line["recipient"]["name"]) == (index, CRISIS_TEAM)
    assert line["disclosed_by"]["sub"] == "t-night" and line["description"] == "a session note"


async def test_a_recipient_that_is_not_known_any_more_is_not_made_up(world: World, site: str) -> None:
    read = entry(purpose="THREAT", client_id=world.client, at=world.clock.now(), basis=(f"grant:{uuid4()}",))
    await world.service._ledger.append(world.tenant, [read])
    (line,) = await accounting(site, world)
    assert line["recipient"]["name"] == UNKNOWN


async def printed(world: World, tmp_path: Path, report: str) -> list[str]:
    """The sentences of the report's PDF."""
    told: list[str] = []

    def writer(title: str, about: Sequence[tuple[str, str]], rows: Sequence[Told], note: str) -> bytes:
        told.extend([*(row.sentence for row in rows), note])
        return PdfReport()(title, about, rows, note)

    now = world.clock.now()
    filters = Filters(client_id=world.client, kinds=REPORT_KINDS)
    if report == ACCOUNTING:
        filters = filters.accounted(now)
    order = Order(world.tenant, "co-weiss", report, {}, filters, False, now)
    exporter = Exporter(world.service._ledger, writer, made_at=now, folder=tmp_path, most_bytes=10_000_000)
    with (tmp_path / "bundle.zip").open("w+b") as file:
        await exporter.bundle(file, world.tenant, "co-weiss", report_for(order))
        assert zipfile.ZipFile(file).read("report.pdf").startswith(b"%PDF-")
    return told


async def test_the_printed_accounting_says_who_was_told(world: World, site: str, tmp_path: Path) -> None:
    assert await printed(world, tmp_path, ACCOUNTING) == ["No disclosures were made in this time."]
    index = await threat(world, site)
    await signed(world.service._ledger, world.tenant, index)
    said = f"T-night (therapist) disclosed a session note to {CRISIS_TEAM}, because of a threat to safety."
    assert await printed(world, tmp_path, ACCOUNTING) == [said, ""]


async def test_the_printed_access_report_says_what_happened(world: World, site: str, tmp_path: Path) -> None:
    index = await glass(world, site)
    await signed(world.service._ledger, world.tenant, index + 1)
    said = await printed(world, tmp_path, "access-report")
    assert "S-lind (supervisor) reviewed an exceptional access to the client's record." in said
    assert "T-night (therapist) read a session note, under break-glass access." in said


async def test_why_says_what_happened_under_break_glass(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    read = await glass(world, site)
    why = await page(site, world, jar, f"entries/{read}")
    assert "Why it was allowed" in why and "Permitted (break-glass)" in why
    assert "break-glass opens what a grant made beforehand names" in why and "needs a grant" not in why
    (alarm,) = await of_kind(world, EntryKind.ALARM)
    why = await page(site, world, jar, f"entries/{alarm.index}")
    assert "Why there is an alarm It is an alarm, no decision on a disclosure." in why
    assert "refused" not in why and "Why it was" not in why
    for grant in await of_kind(world, EntryKind.GRANT):
        why = await page(site, world, jar, f"entries/{grant.index}")
        assert "Why it was done It is no decision on a disclosure." in why and "refused" not in why


async def test_who_reviewed_an_access_did_not_use_it(world: World, site: str) -> None:
    await glass(world, site)
    _, body = await call(site, world.client_token(), "GET", f"/v1/audit/clients/{world.client}/access-report")
    told = {item["what"] for item in body["items"] if "exceptional access" in item["what"]}
    assert told == {
        "T-night (therapist) was given exceptional access to your record.",
        "S-lind (supervisor) reviewed an exceptional access to your record.",
    }


async def test_today_shows_each_alarm_that_a_search_shows(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    await glass(world, site)
    said = "Break-glass access was given."
    assert said in await page(site, world, jar, "search?kind=alarm")
    today = await page(site, world, jar, "")
    assert said in today and "1 kind of alarm" in today and "No alarm in the last thirty days" not in today


async def test_today_says_that_there_is_no_alarm_where_a_search_finds_none(
    world: World, site: str, jar: aiohttp.ClientSession
) -> None:
    old = entry(kind=EntryKind.ALARM, reason="forged-message", records=(), at=world.clock.now() - timedelta(days=31))
    await world.service._ledger.append(world.tenant, [old])
    assert "No alarm in the last thirty days" in await page(site, world, jar, "")


async def test_each_entry_of_a_grant_has_its_sentence(world: World, site: str) -> None:
    await threat(world, site)
    await glass(world, site)
    await call(site, world.token("i-1", "intake"), "POST", "/v1/break-glass", wanted(world.client))
    await call(site, world.token("t-night", "therapist"), "POST", "/v1/break-glass", wanted(str(uuid4())))
    found = await of_kind(world, EntryKind.GRANT)
    reasons = {s.entry.reason for s in found}
    assert reasons >= {"active", "awaiting_second_approval", "approved", "own-request", "reviewed-justified", "not-of-the-group"}
    assert reasons <= GRANTS.keys()
    for stored in found:
        said = str(sentence(stored.entry, Audience.OFFICER))
        assert ("was refused" in said) == (stored.entry.outcome == "deny"), said


def wanted(client: str) -> dict[str, Any]:
    return {"client_id": client, "purpose": "BTG", "reason": "Found unresponsive at home.", "scope": [], "minutes": 5}
