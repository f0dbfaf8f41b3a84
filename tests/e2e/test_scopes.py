"""A token with SMART scopes opens what they cover, on every route of every service. Generated from the OpenAPI documents: a new
route is in it by itself, and fails until the table names it."""

import re
from collections.abc import Iterable
from uuid import uuid4

import aiohttp
import pytest

from shared.contracts.records import ServiceName
from shared.contracts.smart_scopes import CLOSED, OPEN, ROUTES
from shared.identity.roles import Role
from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.rest import Person, Rest

INSUFFICIENT = "insufficient_scope"
PATHS = {"index": "0", "report": "activity", "path": "000", "level": "0"}


async def operations(embedded: EmbeddedProcess, session: aiohttp.ClientSession) -> set[str]:
    found = set()
    for service in ServiceName:
        async with session.get(f"{embedded.url}/openapi/{service}.json") as got:
            paths = (await got.json())["paths"]
            found |= {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    return found


def address(path: str, tenant: str) -> str:
    known = {**PATHS, "tenant": tenant}
    return re.sub(r"\{(\w+)\}", lambda m: known.get(m[1], str(uuid4())), path)


def scoped(clinic: Rest, role: Role, scope: str) -> Person:
    client = str(uuid4()) if role in (Role.CLIENT, Role.REPRESENTATIVE) else None
    token = clinic.mint(sub=f"u-{role}", role=str(role), tenant=clinic.tenant, client_id=client, scope=scope)
    return Person(clinic, f"u-{role}", token)


async def refused_for_its_scopes(person: Person, operation: str) -> bool:
    method, _, path = operation.partition(" ")
    path, rest = address(path, person.rest.tenant), person.rest
    form = path.endswith("_search")
    headers = {
        "Authorization": f"Bearer {person.token}",
        "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
    }
    data = b"" if form or method == "GET" else b"{}"
    async with rest.session.request(method, rest.origin(path) + path, data=data, headers=headers) as got:
        told = INSUFFICIENT in got.headers.get("WWW-Authenticate", "")
        assert not told or got.status == 403
        assert got.status < 500 or got.status == 503, operation
        return told


async def test_the_table_names_every_route(embedded: EmbeddedProcess, session: aiohttp.ClientSession) -> None:
    assert set(ROUTES) == await operations(embedded, session)


@pytest.mark.parametrize("role", [Role.COMPLIANCE_OFFICER, Role.CLIENT, Role.THERAPIST])
async def test_a_token_for_something_else_opens_no_route(clinic: Rest, role: Role) -> None:
    person = scoped(clinic, role, "openid system/Basic.cruds user/Basic.cruds patient/Basic.cruds")
    opened = {o for o in ROUTES if not await refused_for_its_scopes(person, o)}
    assert opened == {o for o, needed in ROUTES.items() if needed == OPEN}


async def test_a_token_for_everything_reaches_what_is_not_closed(clinic: Rest) -> None:
    for scope, role in (("system/*.cruds", Role.COMPLIANCE_OFFICER), ("patient/*.*", Role.CLIENT)):
        person = scoped(clinic, role, scope)
        refused = {o for o in ROUTES if await refused_for_its_scopes(person, o)}
        assert refused == {o for o, needed in ROUTES.items() if needed is CLOSED}


async def test_one_letter_less_is_refused(clinic: Rest) -> None:
    """Each route with all that it takes but one letter."""
    for operation, needed in ROUTES.items():
        for left_out in letters(needed or ()):
            held = [n for n in letters(needed or ()) if n != left_out]
            person = scoped(clinic, Role.THERAPIST, " ".join(f"user/{n}" for n in held) or "user/Basic.r")
            assert await refused_for_its_scopes(person, operation), (operation, left_out)


def letters(needed: Iterable[str]) -> list[str]:
    return [f"{kind}.{letter}" for kind, _, each in (n.partition(".") for n in needed) for letter in each]


async def test_a_token_to_read_consents_exports_revokes_and_erases_nothing(clinic: Rest) -> None:
    person, client = scoped(clinic, Role.CLIENT, "patient/Consent.r"), str(uuid4())
    officer = scoped(clinic, Role.COMPLIANCE_OFFICER, "user/Consent.r")
    await person.post(f"/v1/clients/{client}/export", {"passphrase": "correct horse battery staple"}, want=403)
    await person.post(f"/v1/consents/{uuid4()}/revocations", {}, want=403)
    erasure = {"client_id": client, "key_classes": ["identity"], "basis": "GDPR 17(1)(b)"}
    glass = {"client_id": client, "purpose": "BTG", "reason": "Unconscious.", "scope": [], "minutes": 5}
    for other, path, body in ((officer, "/v1/erasures", erasure), (officer, "/v1/break-glass", glass)):
        answer = await other.post(path, body, want=403)
        assert INSUFFICIENT in answer.headers["Www-Authenticate"]


async def test_scopes_that_are_not_smart_do_not_limit(clinic: Rest) -> None:
    officer = scoped(clinic, Role.COMPLIANCE_OFFICER, "openid profile email offline_access")
    await officer.get("/v1/audit/entries", want=200)


async def test_the_officers_pages_are_closed_to_such_a_token(clinic: Rest, session: aiohttp.ClientSession) -> None:
    limited = scoped(clinic, Role.COMPLIANCE_OFFICER, "system/*.cruds")
    url = f"{clinic.origin('/review/')}/review/"
    cookie = {"Cookie": f"page_session={limited.token}"}
    async with session.get(url, headers=cookie, allow_redirects=False) as got:
        assert got.status in (303, 403)
        assert "Today" not in await got.text()
