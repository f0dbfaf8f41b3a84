"""An answer tells only what its reader may know (ADR 0037): two worlds that differ only in what is withheld from somebody give
them the same answers, byte for byte, by every route that reads. Routes come from the OpenAPI documents: a route that is added
is in it by itself, and a parameter that is added fails the test until it is given values in `asking.py`."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final
from uuid import uuid4

import aiohttp
import pytest

from tests.e2e.asking import answers, size_of
from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.rest import Rest, until
from tests.e2e.story import STRAINED_AND_REPAIRED
from tests.e2e.surface import SOAP, Clinic, today
from tests.e2e.worlds import Told, World, difference


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
    moments = f"/v1/sessions/{world.ids['session']}/moments"
    closed = {"kind": "transference", "text": "The lighthouse, once more."}
    world.called("closed moment", (await story.marsh.post(moments, closed)).id)


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
        world.size = await size_of(world)
    differing = []
    asked = 0
    for person in worlds[0].people:
        if person in secret.know:
            continue
        async for what, one, other in answers(embedded, session, worlds, person):
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
    for thing in ("client", "consent", "session", "grant", "plan", "concern"):
        world.called(f"unknown {thing}")
    for thing in ("private note", "rating", "closed moment"):
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
    await _quiet(world)  # the questionnaire that follows a session comes when it likes
    sections = {**SOAP, "subjective": "a boat in the harbour"}
    written = {"format": "SOAP", "sections": sections}
    world.called("note", (await story.marsh.post(f"/v1/sessions/{world.ids['session']}/progress-notes", written)).id)
    opened = {"kind": "repair", "code": "explore", "text": "asked what it was like", "class": "open"}
    world.called("moment", (await story.marsh.post(f"/v1/sessions/{world.ids['session']}/moments", opened)).id)
    plan = (await story.marsh.post(f"/v1/clients/{story.client_id}/plans", {"problems": ["Steps back as it gets close."]})).id
    await story.client.post(f"/v1/plans/{plan}/goals", {"description": "To stay a little longer."})
    world.called("plan", plan)
    gift = {"kind": "gift", "began_by": "client", "what": "A drawing.", "reasoning": "Taken, and talked about."}
    path = f"/v1/clients/{story.client_id}"
    world.called("boundary", (await story.marsh.post(f"{path}/boundary-events", gift)).id)
    worse = {"what": "Slept badly after the session.", "seriousness": "mild"}
    await story.marsh.post(f"{path}/closed-topics", {"topic": "The summer at the lake."})
    await story.client.put(f"{path}/safety-plan", {"warning_signs": ["I stop opening letters."]}, want=201)
    world.called("effect", (await story.marsh.post(f"{path}/adverse-effects", worse)).id)
    world.called("concern", (await story.client.post("/v1/concerns", {"words": "The sessions begin late."})).id)
    world.called("questionnaire", (await story.asked("phq-9")).id)
    outcome = await story.marsh.post(f"/v1/clients/{story.client_id}/outcomes", {"measure": "gaf", "score": 16})
    await story.marsh.put(f"/v1/outcomes/{outcome.id}", {"score": 61}, If_Match='W/"1"')
    world.called("outcome", outcome.id)
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
    await story.marsh.get(f"/v1/sessions/{world.ids['session']}/moments")
    for path in (*lists, f"/v1/clients/{client}/alliance?instrument=wai-sr", f"/v1/clients/{client}/next-session"):
        await story.marsh.call("GET", path)
        await world.people["nurse"].call("GET", path, X_Purpose_Of_Use="BTG")
    await story.marsh.post("/v1/notes/search", {"words": "harbour"}, want=200)


async def _quiet(world: World) -> None:
    """Until nothing that runs by itself writes entries any more."""
    same = 0
    before = await size_of(world)

    async def still() -> bool:
        nonlocal before, same
        size = await size_of(world)
        same = same + 1 if size == before + 1 else 0
        before = size
        return same == 20

    await until("nothing writes entries by itself", still, 20.0)
