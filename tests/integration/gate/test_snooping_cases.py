"""The snooping review's forms over HTTP: who may say what of whom, and what a decision covers."""

from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from services.audit_log.review.adapters.judgements import Judgements
from shared.contracts.likeness import LIKENESS, Likeness, digest_of, key_of
from shared.contracts.topics import SESSION_NOTES
from shared.messaging.signature import EventSigner
from tests.integration.gate.gate_support import KEYS, NOTES, World
from tests.integration.gate.test_review_sign_in import form_token, post, sign_in
from tests.support.http import serving


@pytest.fixture
async def site(world: World) -> AsyncIterator[str]:
    async with serving(world.service.app) as base:
        yield base


@pytest.fixture
async def jar() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


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
