"""An answer tells only what its reader may know (ADR 0037): two worlds that differ only in what is withheld from somebody give
them the same answers, byte for byte, by every route that reads. Routes come from the OpenAPI documents: a route that is added
is in it by itself, and a parameter that is added fails the test until it is given values here."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final
from uuid import uuid4

import aiohttp
import pytest

from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.rest import Answer, Person, Rest, until
from tests.e2e.story import STRAINED_AND_REPAIRED
from tests.e2e.surface import SOAP, Clinic, today
from tests.e2e.worlds import Told, World, difference, told

SERVICES: Final = ("consent", "session_notes", "alliance_measurement", "audit_log", "ehr_gateway")
FHIR: Final = "/fhir/R4"
FORM: Final = "application/x-www-form-urlencoded"
PAGES: Final = 40
"""pages of one list that are followed"""
PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "client_id": ("{client}", "{other client}", "{unknown client}"),
    "id": ("{client}", "{other client}", "{unknown client}"),
    "consent_id": ("{consent}", "{unknown consent}"),
    "record_id": ("{consent}", "{rating}", "{private note}"),
    "note_id": ("{note}", "{private note}"),
    "session_id": ("{session}", "{unknown session}"),
    "administration_id": ("{questionnaire}", "{rating}"),
    "grant_id": ("{grant}", "{unknown grant}"),
    "provenance_id": ("{consent}-1", "{unknown consent}-1"),
    "version_id": ("1",),
    "instrument_id": ("wai-sr",),
    "erasure_id": ("{unknown client}",),
    "event_id": ("{hidden entry}", "{hidden entry}-decision"),
    "index": ("{hidden entry}",),
    "report": ("access-report", "accounting-of-disclosures", "activity"),
    "tenant": ("{tenant}",),
    "level": ("0",),
    "path": ("000",),
}
"""values of what stands in a path; `{…}` is an id of the world, or of nothing where the other world alone has it"""
QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "client_id": ("{client}", "{unknown client}"),
    "limit": ("1",),
    "cursor": (),
    "after": ("0",),
    "tenant": ("{tenant}",),
    "measure": ("gaf",),
    "instrument": ("wai-sr",),
    "status": ("open", "all"),
    "agent": ("{therapist}",),
    "from": (),
    "to": (),
    "action": ("search", "read"),
    "outcome": ("permit", "deny"),
    "purpose": ("TREAT", "THREAT"),
    "record_id": ("{note}", "{private note}"),
    "kind": ("disclosure", "query"),
    "therapist_id": ("me",),
    "attendance": ("attended", "no_show"),
    "at": (),
}
SEARCHES: Final[Mapping[str, tuple[str, ...]]] = {
    f"{FHIR}/Consent": ("patient={client}", "patient={unknown client}", "patient={client}&_count=1"),
    f"{FHIR}/Provenance": ("target=Consent/{consent}", "patient={client}"),
    f"{FHIR}/AuditEvent": (
        "patient={client}",
        *(f"patient={{client}}&{more}" for more in (
            "outcome=0", "outcome=8", "action=E", "agent={therapist}", "purpose=TREAT", "_count=1",
            "entity=urn:uuid:{note}", "entity=urn:uuid:{private note}",
        )),
    ),
}  # fmt: skip
"""FHIR's searches are not in the OpenAPI documents"""
BODIES: Final[Mapping[str, tuple[dict[str, Any], ...]]] = {
    "/v1/clients/search": (
        {"name": "Noor Haddad", "birth_date": "1991-04-03"},
        {"name": "Hidden Person", "birth_date": "1955-05-05"},
        {"name": "Nobody Atall", "birth_date": "1955-05-05"},
    ),
    "/v1/notes/search": ({"words": "harbour"}, {"words": "lighthouse"}),
}
PURPOSES: Final[Mapping[str, tuple[str, ...]]] = {"nurse": ("BTG",), "stranger": ("", "BTG"), "intake": ("", "BTG")}
"""what they claim; the others nothing"""


@dataclass(frozen=True)
class Secret:
    """What one world has and the other has not; `know` are the people who may know of it. `before` is told in both."""

    tell: Callable[[World], Awaitable[None]]
    know: frozenset[str]
    before: Callable[[World], Awaitable[None]] | None = None


async def private_notes(world: World) -> None:
    """A psychotherapy note, its drafts and signature; its author lists and searches it."""
    story = world.story
    path = f"/v1/sessions/{world.ids['session']}/psychotherapy-notes"
    note = world.called("private note", (await story.marsh.post(path, {"sections": {"transference": "A lighthouse."}})).id)
    etag = (await story.marsh.get(f"/v1/notes/{note}")).headers["Etag"]
    body = {"sections": {"transference": "The lighthouse again."}}
    await story.marsh.put(f"/v1/notes/{note}", body, If_Match=etag)
    await story.marsh.post(f"/v1/notes/{note}/signatures", {})
    await story.okoye.get(f"/v1/notes/{note}", want=404)


async def ratings_asked_for(world: World) -> None:
    for number, _ in enumerate(STRAINED_AND_REPAIRED[:7]):
        world.called(f"rating {number}" if number else "rating", (await world.story.asked(by=world.story.okoye)).id)


async def withheld_ratings(world: World) -> None:
    """Answers with a strain in them, their episode and prompts, while the client withholds."""
    for number, total in enumerate(STRAINED_AND_REPAIRED[:7]):
        base, extra = divmod(total, 12)
        answers = {str(i): base + (1 if i <= extra else 0) for i in range(1, 13)}
        rating = world.ids[f"rating {number}" if number else "rating"]
        await world.story.client.post(f"/v1/administrations/{rating}/responses", {"answers": answers})


async def another_client(world: World) -> None:
    """A client whom nobody of these treats, with a note."""
    story = world.story
    made = await story.intake.post("/v1/clients", {"name": "Hidden Person", "birth_date": "1955-05-05"})
    world.called("unknown client", made.id)
    away = world.rest.as_("away-" + made.id[:8], "therapist")
    related = {"client_id": made.id, "practitioner_id": away.sub, "role": "therapist", "period": {"start": today()}}
    await story.intake.post("/v1/relationships", related)
    form = story.form() | {"client_id": made.id}
    world.called("unknown consent", (await story.intake.post("/v1/consents", form)).id)
    world.called("unknown session", await story.held(by=away, client_id=made.id))


async def suspended_accounting(world: World) -> None:
    """A disclosure because of a threat, of which an agency asked not to tell."""
    story, note = world.story, world.ids["note"]
    grant = {"client_id": story.client_id, "purpose": "THREAT", "reason": "Emergency", "scope": [note], "minutes": 30}
    made = await story.stranger.post("/v1/break-glass", grant | {"recipient": "The county's crisis team"})
    await story.okoye.post(f"/v1/break-glass/{made.id}/approvals", want=(200, 201))
    read = await story.stranger.get(f"/v1/notes/{note}", X_Purpose_Of_Use="THREAT")
    world.ids["hidden entry"] = str(read.entries[0])
    body = {"agency": "State oversight board", "statement": "It would impede an audit.", "form": "written",
            "until": "2100-01-01T00:00:00Z", "entries": read.entries}  # fmt: skip
    await story.officer.post(f"/v1/audit/clients/{story.client_id}/accounting-suspensions", body)
    await story.officer.get(f"/v1/audit/entries/{read.entries[0]}")


async def broken_glass(world: World) -> None:
    """Emergency access of a colleague, who looks at everything under it."""
    story = world.story
    body = {"client_id": story.client_id, "purpose": "BTG", "reason": "Emergency", "scope": [], "minutes": 30}
    world.called("unknown grant", (await story.stranger.post("/v1/break-glass", body)).id)
    for path in (f"/v1/notes?client_id={story.client_id}", f"/v1/notes/{world.ids['note']}"):
        await story.stranger.get(path, X_Purpose_Of_Use="BTG")


async def private_notes_under_a_grant(world: World) -> None:
    """A psychotherapy note and withheld ratings while emergency access of the base looks at everything."""
    await private_notes(world)
    await withheld_ratings(world)


SECRETS: Final = {
    "psychotherapy notes": Secret(private_notes, frozenset({"therapist", "officer"})),
    "withheld ratings": Secret(withheld_ratings, frozenset({"client", "representative", "officer"}), ratings_asked_for),
    "another client": Secret(another_client, frozenset({"intake", "officer"})),
    "suspended accounting": Secret(suspended_accounting, frozenset({"officer", "supervisor", "stranger", "colleague"})),
    "break-glass": Secret(broken_glass, frozenset({"officer", "supervisor", "stranger", "client"})),
    "notes and ratings, to a reviewer": Secret(
        private_notes_under_a_grant, frozenset({"therapist", "officer", "client", "representative"}), ratings_asked_for
    ),
}


IN_EVERY_RUN: Final = "withheld ratings"
"""the others take minutes each"""


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n == IN_EVERY_RUN else [pytest.mark.long]) for n in SECRETS])
async def test_an_answer_tells_only_what_its_reader_may_know(
    embedded: EmbeddedProcess, session: aiohttp.ClientSession, name: str
) -> None:
    secret = SECRETS[name]
    worlds = [await _world(embedded, session), await _world(embedded, session)]
    if secret.before is not None:
        for world in worlds:
            await secret.before(world)
    await secret.tell(worlds[1])
    for world in worlds:
        await _used(world)
    for world in worlds:
        await _quiet(world)
        world.size = await _size(world)
    differing = []
    asked = 0
    for person in worlds[0].people:
        if person in secret.know:
            continue
        async for what, one, other in _answers(embedded, session, worlds, person):
            asked += 1
            if one != other:
                differing.append((person, what, one, other))
    assert asked > 100
    assert not differing, _shown(differing)


def _shown(differing: list[tuple[str, str, Told, Told]]) -> str:
    lines = [f"{len(differing)} answers tell of it"]
    for person, what, one, other in differing[:40]:
        lines.append(f"{person} {what}: {difference(asdict(one), asdict(other))[:600]}")
    return "\n".join(lines)


async def _world(embedded: EmbeddedProcess, session: aiohttp.ClientSession) -> World:
    """A clinic with a client, a note, a questionnaire, a consent and emergency access; the client withholds ratings."""
    rest = Rest(session, embedded.url, embedded.mint, f"w{uuid4().hex[:12]}")
    story = Clinic(rest)
    world = World(rest, story)
    # the first client of a practice sets the making of its index going, which enters when it likes
    await story.intake.post("/v1/clients", {"name": "First Comer", "birth_date": "1970-01-01"})
    await _quiet(world)
    await story.open()
    for thing in ("unknown client", "unknown consent", "unknown session", "unknown grant", "private note", "rating"):
        world.called(thing)
    world.ids |= {"hidden entry": "900000000", "tenant": rest.tenant}
    world.called("client", story.client_id)
    other = await story.intake.post("/v1/clients", {"name": "Zoe Other", "birth_date": "1980-01-01"})
    world.called("other client", other.id)
    supervisor = rest.as_("supervisor-" + other.id[:8], "supervisor")
    await story.relate(supervisor, "supervisor")
    await story.relate(story.okoye, "care_team")
    world.called("consent", await story.agreed("telehealth"))
    world.called("session", await story.held())
    sections = {**SOAP, "subjective": "a boat in the harbour"}
    written = {"format": "SOAP", "sections": sections}
    world.called("note", (await story.marsh.post(f"/v1/sessions/{world.ids['session']}/progress-notes", written)).id)
    world.called("questionnaire", (await story.asked("phq-9")).id)
    await story.marsh.post(f"/v1/clients/{story.client_id}/outcomes", {"measure": "gaf", "score": 61})
    await story.client.put(f"/v1/clients/{story.client_id}/alliance/release", {"therapist": "withheld"})
    nurse = rest.as_("nurse-" + other.id[:8], "therapist")
    glass = {"client_id": story.client_id, "purpose": "BTG", "reason": "Emergency", "scope": [], "minutes": 60}
    world.called("grant", (await nurse.post("/v1/break-glass", glass)).id)
    world.people = {
        "intake": story.intake,
        "therapist": story.marsh,
        "colleague": story.okoye,
        "supervisor": supervisor,
        "stranger": story.stranger,
        "nurse": nurse,
        "trainee": rest.as_("trainee-" + other.id[:8], "trainee"),
        "client": story.client,
        "other client": rest.as_("zoe-" + other.id[:8], "client", client_id=other.id),
        "representative": rest.as_("ines-" + other.id[:8], "representative", client_id=story.client_id),
        "system": rest.as_("ehr-" + other.id[:8], "ehr_system"),
        "administrator": rest.as_("admin-" + other.id[:8], "administrator"),
        "officer": story.officer,
    }
    world.ids["therapist"] = story.marsh.sub
    return world


async def _used(world: World) -> None:
    """What the therapist, and a nurse under emergency access, then do in either world."""
    story, client = world.story, world.ids["client"]
    lists = (f"/v1/notes?client_id={client}", f"/v1/administrations?client_id={client}", f"/v1/sessions?client_id={client}")
    for path in (*lists, f"/v1/clients/{client}/alliance?instrument=wai-sr", f"/v1/clients/{client}/next-session"):
        await story.marsh.call("GET", path)
        await world.people["nurse"].call("GET", path, X_Purpose_Of_Use="BTG")
    await story.marsh.post("/v1/notes/search", {"words": "harbour"}, want=200)


async def _quiet(world: World) -> None:
    """Until nothing that runs by itself writes entries any more."""
    same = 0
    before = await _size(world)

    async def still() -> bool:
        nonlocal before, same
        size = await _size(world)
        same = same + 1 if size == before + 1 else 0
        before = size
        return same == 20

    await until("nothing writes entries by itself", still, 20.0)


async def _size(world: World) -> int:
    """Entries of the log, with the one of this look."""
    return (await world.story.officer.get("/v1/audit/alarms?limit=1")).entries[0]


async def _answers(
    embedded: EmbeddedProcess, session: aiohttp.ClientSession, worlds: list[World], person: str
) -> AsyncIterator[tuple[str, Told, Told]]:
    """The same requests in both worlds; what was asked, and what each told."""
    async for path, verb, route in _routes(embedded, session):
        for purpose in PURPOSES.get(person, ("",)):
            headers = {"X-Purpose-Of-Use": purpose} if purpose else {}
            for first, more in _askings(verb, path, route):
                found = [pair async for pair in _followed(session, worlds, person, first, headers)]
                if any(one.status == 200 or other.status == 200 for _, one, other in found):
                    for asking in more:
                        found += [pair async for pair in _followed(session, worlds, person, asking, headers)]
                for asking, one, other in found:
                    yield f"{asking} {purpose}", one, other


@dataclass(frozen=True)
class Asking:
    verb: str
    path: str
    body: str | None = None
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.path} {self.body or ''}"


async def _routes(embedded: EmbeddedProcess, session: aiohttp.ClientSession) -> AsyncIterator[tuple[str, str, Any]]:
    for service in SERVICES:
        async with session.get(f"{embedded.url}/openapi/{service}.json") as got:
            paths = (await got.json())["paths"]
        for path, verbs in paths.items():
            for verb, route in verbs.items():
                if verb == "get" or (verb == "post" and path.endswith("search")):
                    yield path, verb, route


def _askings(verb: str, path: str, route: Any) -> Iterator[tuple[Asking, list[Asking]]]:
    """Each address of a route, and what else is asked of it where it answers."""
    if verb == "post":
        one, *others = _posted(path)
        yield one, others
        return
    parameters = [p["name"] for p in route.get("parameters", []) if p["in"] == "query"]
    for filled in _filled(path):
        first, *queries = _queries(path, parameters)
        yield (
            Asking("GET", filled + first),
            [Asking("GET", filled + query) for query in queries] + [Asking("HEAD", filled + first)],
        )


def _posted(path: str) -> list[Asking]:
    if path.startswith(FHIR):
        return [Asking("POST", path, form, FORM) for form in SEARCHES[path.removesuffix("/_search")]]
    return [Asking("POST", path, json.dumps(body), "application/json") for body in BODIES[path]]


def _filled(path: str) -> Iterator[str]:
    before, _, rest = path.partition("{")
    if not rest:
        yield path
        return
    name, _, after = rest.partition("}")
    for value in PATHS[name]:
        for end in _filled(after):
            yield before + value.replace("{", "<").replace("}", ">") + end


def _queries(path: str, parameters: list[str]) -> Iterator[str]:
    if path in SEARCHES:
        yield from (f"?{search}" for search in SEARCHES[path])
        return
    base = "client_id={client}&" if "client_id" in parameters else ""
    yield f"?{base}".rstrip("?&")
    for name in parameters:
        for value in QUERIES[name]:
            yield f"?{name}={value}" if name == "client_id" else f"?{base}{name}={value}"


async def _followed(
    session: aiohttp.ClientSession, worlds: list[World], person: str, asking: Asking, headers: Mapping[str, str]
) -> AsyncIterator[tuple[Asking, Told, Told]]:
    """The answers to a request, and to the pages that follow it."""
    cursors: tuple[str, ...] = ("", "")
    for _ in range(PAGES):
        sent = [_sent(session, w, person, asking, c, headers) for w, c in zip(worlds, cursors, strict=True)]
        (one, here), (other, there) = await asyncio.gather(*sent)
        if replace(one, written=other.written) == other != one:  # what runs by itself may have entered something meanwhile
            again = [_sent(session, w, person, asking, c, headers) for w, c in zip(worlds, cursors, strict=True)]
            (one, here), (other, there) = await asyncio.gather(*again)
        yield asking, one, other
        if here is None or there is None:
            return
        cursors = (here, there)


async def _sent(
    session: aiohttp.ClientSession, world: World, person: str, asking: Asking, cursor: str, headers: Mapping[str, str]
) -> tuple[Told, str | None]:
    who: Person = world.people[person]
    path = _named(world, asking.path)
    if cursor:
        path += ("&" if "?" in path else "?") + f"cursor={cursor}"
    sent = {"Authorization": f"Bearer {who.token}", **headers, **({"Content-Type": asking.kind} if asking.kind else {})}
    body = None if asking.body is None else asking.body if asking.kind != FORM else _named(world, asking.body)
    async with session.request(asking.verb, world.rest.origin(path) + path, data=body, headers=sent) as got:
        raw = await got.read()
        answer = Answer(got.status, {k.title(): v for k, v in got.headers.items()}, "")
    following = json.loads(raw).get("next") if asking.verb == "GET" and "limit=1" in path and got.status == 200 else None
    before, world.size = world.size, await _size(world)
    return told(world, answer, raw, world.size - before - 1), following


def _named(world: World, text: str) -> str:
    for name, value in world.ids.items():
        text = text.replace("{" + name + "}", value).replace(f"<{name}>", value)
    return text
