"""The worked courses of the demo through REST, at the moments at which they took place, and the tour that README shows."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.demo.build import kept, worked_courses
from infra.demo.caller import TENANT
from infra.demo.courses.every import COURSES
from infra.demo.model import Course
from infra.demo.play import Played
from services.session_notes.moments.domain.codes import SHORT
from tests.e2e.embedded import ROOT, EmbeddedProcess
from tests.e2e.rest import Person, Rest


@pytest.fixture(scope="module")
async def courses(embedded: EmbeddedProcess) -> list[tuple[Course, Played]]:
    file = embedded.data_dir / "courses.json"
    await worked_courses(embedded.url, file)
    played = {one.key: one for one in kept(file)}
    return [(course, played[course.key]) for course in COURSES]


def people(rest: Rest, course: Course, played: Played) -> tuple[Person, Person]:
    therapist = rest.as_(course.therapist.sub, course.therapist.role, tenant=TENANT)
    return therapist, rest.as_(course.client.sub, "client", client_id=played.client_id, tenant=TENANT)


async def test_six_courses_of_half_a_year_one_a_modality(courses: list[tuple[Course, Played]], clinic: Rest) -> None:
    assert len({course.modality for course, _ in courses}) == 6
    ago = datetime.now(UTC) - timedelta(weeks=20)
    for course, played in courses:
        therapist, client = people(clinic, course, played)
        note = (await therapist.get(f"/v1/notes/{played.notes[0]}")).json
        assert datetime.fromisoformat(note["created_at"]) < ago, "written when it took place"
        assert datetime.fromisoformat(note["signatures"][0]["at"]) < ago
        plan = (await client.get(f"/v1/plans/{played.plan_id}")).json
        assert plan["goals"][0]["agreed"] is True and plan["t_score"] >= 60 and plan["review"]["due_at"] is not None
        assert [s["party"] for s in plan["signatures"]] == ["therapist", "client"]
        sessions = (await therapist.get(f"/v1/sessions?client_id={played.client_id}")).json["items"]
        assert len(sessions) == len(course.meetings) == len(played.sessions)


async def test_what_is_closed_in_a_course_is_the_therapists_alone(courses: list[tuple[Course, Played]], clinic: Rest) -> None:
    for course, played in courses:
        therapist, client = people(clinic, course, played)
        path = f"/v1/clients/{played.client_id}/moments"
        assert {m["id"] for m in (await therapist.get(path)).json["items"]} == {*played.moments, *played.closed}
        assert {m["id"] for m in (await client.get(path)).json["items"]} == set(played.moments)
        for note in played.private:
            await client.get(f"/v1/notes/{note}", want=404)
    trainee = next(course for course, _ in courses if course.therapist.role == "trainee")
    waits = (await clinic.as_(trainee.therapist.sub, "trainee", tenant=TENANT).get("/v1/worklist")).json
    assert 0 < len(waits["awaiting_cosignature"]) <= 2, "the newest wait; the others are co-signed"


async def test_the_tour_is_what_its_page_and_readme_show(courses: list[tuple[Course, Played]], embedded: EmbeddedProcess) -> None:
    shown = toured(embedded)
    assert f"```\n{shown}```" in (ROOT / "docs/tour.md").read_text(), shown
    readme = (ROOT / "README.md").read_text()
    excerpt = readme.partition("```\n2. ")[2].partition("```")[0]
    assert excerpt.strip()
    for part in f"2. {excerpt}".strip().split("\n\n"):
        assert part in shown, part


def toured(embedded: EmbeddedProcess) -> str:
    env = {"URL": embedded.url, "DATA_DIR": str(embedded.data_dir), "PATH": "", "PYTHONIOENCODING": "utf-8"}
    run = subprocess.run([sys.executable, "-m", "infra.tour"], cwd=ROOT, env=env, capture_output=True, timeout=60, check=True)
    return run.stdout.decode()


def test_without_a_demo_the_tour_says_what_to_do(tmp_path: Path) -> None:
    env = {"DATA_DIR": str(tmp_path), "PATH": ""}
    run = subprocess.run([sys.executable, "-m", "infra.tour"], cwd=ROOT, env=env, capture_output=True, timeout=60, check=False)
    assert run.returncode == 1 and b"make run" in run.stderr and run.stdout == b""


@pytest.mark.parametrize("course", COURSES, ids=lambda c: c.key)
def test_the_texts_of_open_moments_are_a_word_or_two(course: Course) -> None:
    """So that an edit of the demo fails here, and not as it is made."""
    told: list[Any] = [m for meeting in course.meetings for m in meeting.moments]
    assert told
    assert all(len(m.get("text") or "") <= SHORT for m in told if m.get("class") == "open")
