"""Bad input and trouble: each gets its problem document (RFC 9457), and leaves nothing behind."""

import asyncio
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest

from shared.identity.development import DevelopmentIssuer
from shared.service import clock
from tests.e2e.rest import Answer, Person, Rest
from tests.e2e.story import TREATMENT, Story


@pytest.fixture
async def story(clinic: Rest) -> Story:
    told = Story(clinic)
    await told.consent_is_given()
    return told


def problem(answer: Answer, status: int) -> Any:
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    body = answer.json
    assert body["status"] == status
    assert body["title"]
    assert answer.headers["X-Request-Id"] == body.get("request_id", answer.headers["X-Request-Id"])
    return body


def pointers(body: Any) -> set[str]:
    return {e["pointer"] for e in body["errors"]}


async def counts(story: Story) -> tuple[int, int]:
    """Sessions and notes of the client, as the therapist sees them."""
    client = story.told.client_id
    sessions = (await story.marsh.get(f"/v1/sessions?client_id={client}")).json["items"]
    notes = (await story.marsh.get(f"/v1/notes?client_id={client}")).json["items"]
    return len(sessions), len(notes)


def session_body(story: Story, **changed: Any) -> dict[str, Any]:
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    return {
        "client_id": story.told.client_id,
        "therapist_id": story.marsh.sub,
        "started_at": start.isoformat(),
        "ended_at": (start + timedelta(minutes=50)).isoformat(),
        "modality": "cbt",
        "format": "individual",
        "attendance": "attended",
        **changed,
    }


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"mood": "calm"}, "/mood"),
        ({"client_id": 7}, "/client_id"),
        ({"client_id": "not-a-uuid"}, "/client_id"),
        ({"started_at": "2026-02-30T10:00:00Z"}, "/started_at"),
        ({"ended_at": "2020-01-01T10:00:00Z"}, "/ended_at"),
        ({"modality": "astrology"}, "/modality"),
        ({"format": None}, "/format"),
        ({"attendance": False}, "/attendance"),
    ],
)
async def test_a_session_that_cannot_be(story: Story, changed: dict[str, Any], pointer: str) -> None:
    before = await counts(story)
    answer = await story.marsh.call("POST", "/v1/sessions", session_body(story, **changed))
    assert pointer in pointers(problem(answer, 422))
    assert await counts(story) == before


async def test_every_fault_is_listed_at_once(story: Story) -> None:
    wrong = session_body(story, modality="astrology", attendance=3, extra="x")
    found = pointers(problem(await story.marsh.call("POST", "/v1/sessions", wrong), 422))
    assert {"/modality", "/attendance", "/extra"} <= found


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b'{"format": "narrative", "sections": {"narrative": "\xff\xfe"}}', 422),
        (b'{"format": "narrative", "sections": ', 422),
        (b"[" * 100_000, 422),
        (b'{"format": "narrative", "sections": {"narrative": "' + b"a" * 5_000_000 + b'"}}', 413),
        (b"", 422),
    ],
    ids=["broken UTF-8", "cut JSON", "deep JSON", "5 MB", "nothing"],
)
async def test_a_note_that_cannot_be_read(story: Story, raw: bytes, status: int) -> None:
    session = await story.session(3)
    before = await counts(story)
    problem(await story.marsh.call("POST", f"/v1/sessions/{session}/progress-notes", BytesIO(raw)), status)
    assert await counts(story) == before


async def test_excluded_content_stays_out_of_a_psychotherapy_note(story: Story) -> None:
    session = await story.session(3)
    body = {"sections": {"medication": "…", "diagnosis": "…", "transference": "…"}}
    answer = await story.marsh.call("POST", f"/v1/sessions/{session}/psychotherapy-notes", body)
    assert pointers(problem(answer, 422)) == {"/sections/medication", "/sections/diagnosis"}


@pytest.mark.parametrize(
    ("answers", "pointer"),
    [
        ({str(i): 3 for i in range(1, 12)} | {"12": 9}, "/answers/12"),
        ({str(i): 3 for i in range(1, 13)} | {"13": 3}, "/answers/13"),
        ({str(i): 3 for i in range(1, 12)} | {"12": "five"}, "/answers/12"),
        ({str(i): 3 for i in range(1, 12)} | {"12": True}, "/answers/12"),
    ],
)
async def test_answers_that_cannot_be(story: Story, answers: dict[str, Any], pointer: str) -> None:
    asked = {"client_id": story.told.client_id, "instrument": "wai-sr", "rater": "client"}
    administration = (await story.marsh.post("/v1/administrations", asked)).id
    path = f"/v1/administrations/{administration}/responses"
    found = pointers(problem(await story.client.call("POST", path, {"answers": answers}), 422))
    assert any(p.startswith(pointer) for p in found), found
    assert (await story.alliance(story.client))["series"] == []


@pytest.mark.parametrize("score", [1e400, "12", None, 64, -1])
async def test_scores_out_of_range(story: Story, score: Any) -> None:
    raw = b'{"measure": "phq-9", "score": %s}' % (b"1e400" if score == 1e400 else str(score).replace("None", "null").encode())
    if score == "12":
        raw = b'{"measure": "phq-9", "score": "12"}'
    answer = await story.marsh.call("POST", f"/v1/clients/{story.told.client_id}/outcomes", raw)
    assert "/score" in pointers(problem(answer, 422))
    assert (await story.marsh.get(f"/v1/clients/{story.told.client_id}/outcomes")).json["items"] == []


async def test_an_instrument_that_does_not_exist(story: Story) -> None:
    asked = {"client_id": story.told.client_id, "instrument": "horoscope", "rater": "client"}
    assert "/instrument" in pointers(problem(await story.marsh.call("POST", "/v1/administrations", asked), 422))


async def test_tokens_that_do_not_hold(story: Story, clinic: Rest) -> None:
    path = f"/v1/notes?client_id={story.told.client_id}"
    forged = DevelopmentIssuer(b"\x07" * 32, clock=clock.seconds, new_id=clock.new_id)
    claims = {"sub": story.marsh.sub, "tenant": clinic.tenant, "role": "therapist"}
    for token in ("", "nonsense", forged.token(claims), story.marsh.token[:-4] + "AAAA"):
        body = problem(await Person(clinic, "x", token).call("GET", path), 401)
        assert token not in str(body) or not token


async def test_another_tenants_token_finds_nothing(story: Story, clinic: Rest) -> None:
    session = await story.session(3)
    note = (await story.marsh.post(f"/v1/sessions/{session}/progress-notes", _narrative("text"))).id
    other = clinic.as_(story.marsh.sub, "therapist", tenant="other-tenant")
    for path in (f"/v1/notes/{note}", f"/v1/sessions/{session}", f"/v1/clients/{story.told.client_id}"):
        problem(await other.call("GET", path), 404)
    foreign = clinic.as_("noor", "client", client_id=story.told.client_id, tenant="other-tenant")
    problem(await foreign.call("GET", f"/v1/consents/{story.told.facts['consent']}"), 404)


async def test_a_stale_or_missing_version(story: Story) -> None:
    session = await story.session(3)
    note = (await story.marsh.post(f"/v1/sessions/{session}/progress-notes", _narrative("first"))).id
    path = f"/v1/notes/{note}"
    etag = (await story.marsh.get(path)).headers["Etag"]
    problem(await story.marsh.call("PUT", path, _narrative("second")), 428)
    await story.marsh.put(path, _narrative("second"), If_Match=etag)
    problem(await story.marsh.call("PUT", path, _narrative("third"), If_Match=etag), 412)
    assert (await story.marsh.get(path)).json["sections"]["narrative"] == "second"


async def test_safe_repeats(story: Story) -> None:
    session, key = await story.session(3), str(uuid4())
    path = f"/v1/sessions/{session}/progress-notes"
    first = await story.marsh.post(path, _narrative("once"), Idempotency_Key=key)
    again = await story.marsh.post(path, _narrative("once"), Idempotency_Key=key)
    assert again.json == first.json
    problem(await story.marsh.call("POST", path, _narrative("other"), Idempotency_Key=key), 422)
    assert (await counts(story))[1] == 1


async def test_a_purpose_that_the_role_may_not_claim(story: Story) -> None:
    path = f"/v1/clients/{story.told.client_id}"
    problem(await story.marsh.call("GET", path, X_Purpose_Of_Use="HMARKT"), 403)
    problem(await story.client.call("GET", path, X_Purpose_Of_Use="TREAT"), 403)
    problem(await story.marsh.call("GET", path, X_Purpose_Of_Use="treat it well"), 422)


async def test_who_may_not_write(story: Story) -> None:
    relation = {
        "client_id": story.told.client_id,
        "practitioner_id": story.stranger.sub,
        "role": "care_team",
        "period": {"start": "2026-01-01"},
    }
    problem(await story.stranger.call("POST", "/v1/relationships", relation), 403)
    supervisor = story.rest.as_(story.stranger.sub, "supervisor")
    problem(await supervisor.call("POST", "/v1/relationships", relation), 403)
    assert (await story.stranger.call("POST", "/v1/sessions", session_body(story))).status in (403, 404)
    form = {
        "client_id": story.told.client_id,
        "kind": "treatment",
        "grantor": {"role": "client", "name": "N. Haddad"},
        "policy": {"base": "permit", "provisions": []},
        "period": {"start": "2026-01-01"},
        "elements": TREATMENT,
    }
    assert (await story.stranger.call("POST", "/v1/consents", form)).status in (403, 404)


@pytest.mark.parametrize("period", [{"start": "2026-02-30"}, {"start": "2026-03-01", "end": "2026-02-01"}, {"start": 5}, {}])
async def test_impossible_periods(story: Story, period: dict[str, Any]) -> None:
    form = {
        "client_id": story.told.client_id,
        "kind": "treatment",
        "grantor": {"role": "client", "name": "N. Haddad"},
        "policy": {"base": "permit", "provisions": []},
        "period": period,
        "elements": TREATMENT,
    }
    found = pointers(problem(await story.intake.call("POST", "/v1/consents", form), 422))
    assert any(p.startswith("/period") for p in found)


async def test_lists_refuse_what_is_not_theirs(story: Story) -> None:
    path = f"/v1/notes?client_id={story.told.client_id}"
    for query in ("&limit=0", "&limit=9999", "&limit=x", "&cursor=abc"):
        problem(await story.marsh.call("GET", path + query), 422)


async def test_services_only(story: Story) -> None:
    for path in ("/v1/disclosures", "/v1/policy-confirmations", "/v1/releases", "/v1/gate-key", "/v1/late-writes"):
        assert (await story.marsh.call("POST", path, {"tenant": story.rest.tenant})).status in (401, 403, 404)
    assert (await story.marsh.call("GET", f"/v1/policy-feed?tenant={story.rest.tenant}&after=0")).status in (401, 403, 404)


def _narrative(text: str) -> dict[str, Any]:
    return {"format": "narrative", "sections": {"narrative": text}}


async def test_one_key_sent_fifty_times_at_once_is_one_write_and_one_entry(story: Story) -> None:
    session, key = await story.session(3), str(uuid4())
    path = f"/v1/sessions/{session}/progress-notes"
    sent = [story.marsh.post(path, _narrative("once"), Idempotency_Key=key) for _ in range(50)]
    answers = await asyncio.gather(*sent)
    assert len({a.id for a in answers}) == 1
    assert (await counts(story))[1] == 1
    entries = (await story.officer.get(f"/v1/audit/entries?client_id={story.told.client_id}&action=create&limit=200")).json
    written = [r for e in entries["items"] for r in e["records"] if r["record_type"] == "progress_note"]
    assert len(written) == 1
