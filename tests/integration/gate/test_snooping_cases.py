"""The snooping review's forms over HTTP: who may say what of whom, and what a decision covers."""

import re
from base64 import b64encode
from datetime import timedelta
from typing import Any
from uuid import UUID

import aiohttp
import pytest

import services.audit_log.officers.application.cases as cases_module
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.officers.adapters.case_table import CaseTable
from services.audit_log.officers.adapters.judgements import Judgements
from services.audit_log.officers.domain.access import Access
from services.audit_log.officers.domain.explanations import Judged, Mark
from shared.contracts.likeness import LIKENESS, Likeness, digest_of, key_of
from shared.contracts.topics import SESSION_NOTES
from shared.messaging.signature import EventSigner
from tests.integration.gate.gate_support import KEYS, NOTES, World
from tests.integration.gate.test_review_sign_in import form_token, post, sign_in
from tests.support.ledger import entry


def officer(world: World, sub: str) -> str:
    return world.token(sub, "compliance_officer", name=f"Officer {sub}")


def said(world: World, sub: str, compared: str, *flags: str) -> dict[str, str]:
    """What session_notes would sign of this person and the client."""
    values: dict[str, Any] = {f: f in flags for f in ("same_person", "same_surname", "same_address")}
    values |= {"tenant": world.tenant, "client_id": UUID(world.client), "sub": sub, "at": world.clock.now()}
    payload = Likeness(compared=digest_of(compared), **values).model_dump_json().encode()
    headers = {"ce_type": LIKENESS, "ce_tenant": world.tenant}
    signed = EventSigner(KEYS[NOTES]).sign(SESSION_NOTES, key_of(world.tenant, UUID(world.client)), headers, payload)
    return {"statement": b64encode(payload).decode(), "signature": signed["sig"]}


async def told(jar: aiohttp.ClientSession, site: str, fields: dict[str, str]) -> int:
    token = {"form_token": await form_token(jar, f"{site}/review/")}
    return (await post(jar, f"{site}/review/snooping/likeness", token | fields)).status


async def ties(world: World, sub: str) -> set[str]:
    found = await Judgements(world.service._store).ties(world.tenant, [world.client])
    return {t.value for t in found.get(world.client, {}).get(sub, ())}


async def test_an_officer_says_nothing_of_their_own_likeness(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    await sign_in(jar, site, officer(world, "a"))
    assert await told(jar, site, said(world, "a", "Officer a")) == 403
    assert await ties(world, "a") == set()


async def test_a_later_statement_takes_no_flag_away(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    await sign_in(jar, site, officer(world, "a"))
    await sign_in(jar, site, officer(world, "b"))
    assert await told(jar, site, said(world, "a", "OFFICER A ", "same_surname")) == 303
    assert await told(jar, site, said(world, "a", "Officer a", "same_address")) == 303
    assert await told(jar, site, said(world, "a", "Officer a")) == 303
    assert await ties(world, "a") == {"same_surname", "same_address"}


async def test_another_name_than_the_logs_or_an_old_statement_is_not_believed(
    world: World, site: str, jar: aiohttp.ClientSession
) -> None:
    await sign_in(jar, site, officer(world, "a"))
    await sign_in(jar, site, officer(world, "b"))
    assert await told(jar, site, said(world, "a", "Somebody Else")) == 409
    world.clock.ahead = -timedelta(minutes=11)
    old = said(world, "a", "Officer a", "same_surname")
    world.clock.ahead = timedelta()
    assert await told(jar, site, old) == 409, "the client may have been erased since"
    assert await told(jar, site, said(world, "nobody-yet", "nobody-yet", "same_surname")) == 303, "unknown: by the sub alone"
    assert await ties(world, "nobody-yet") == {"same_surname"}


@pytest.mark.parametrize("far", [False, True])
async def test_a_decision_covers_what_its_page_showed_and_no_more(
    world: World, site: str, jar: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, far: bool
) -> None:
    """Of five open questions a page shows the oldest three; also where the form names a later entry."""
    monkeypatch.setattr(cases_module, "SHOWN", 3)
    store, now = world.service._store, world.clock.now()
    uses = await world.service._ledger.append(world.tenant, [entry(n, client_id=world.client) for n in range(5)])
    found = [Access(i, now, "t-x", "", "therapist", world.client, "read", "TREAT", (), frozenset()) for i in uses]
    await Judgements(store).keep(world.tenant, 0, uses[-1] + 1, [Judged(a, None, (Mark.NO_RELATIONSHIP,)) for a in found])
    await sign_in(jar, site, officer(world, "b"))
    page = f"{site}/review/snooping/person?sub=t-x"
    async with jar.get(page) as answer:
        text = await answer.text()
    shown = sorted({int(i) for i in re.findall(r"/review/entries/(\d+)", text)})
    up_to = re.search(r'name="up_to" value="(\d+)"', text)
    assert up_to is not None and (shown, int(up_to[1])) == (uses[:3], uses[2]) and "These are the oldest" in text
    fields = {"decision": "appropriate", "note": "They covered for a colleague.", "up_to": "9" * 15 if far else up_to[1]}
    fields["form_token"] = await form_token(jar, f"{site}/review/")
    assert (await post(jar, page, fields)).status == 303
    (decided,) = await world.service._ledger.search(world.tenant, Filters(actions=("decide-accesses",)))
    assert (decided.entry.detail["entries"], decided.entry.detail["covered"]) == (uses[:3], 3)
    assert [q.index for q in await CaseTable(store).questions(world.tenant, "t-x", 10)] == uses[3:]
