"""A worked course played through the REST surface, each call at the moment at which it took place."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from infra.demo.caller import Caller
from infra.demo.model import LAST_WEEK, Course, Meeting, Person

WAI_SR_ITEMS: Final = 12
_INTAKE: Final = Person("front.desk", "Front desk", "intake")
_OFFICER: Final = Person("officer", "R. Ilves", "compliance_officer")
_SECTIONS: Final = {"SOAP": "assessment", "DAP": "assessment", "BIRP": "response", "GIRP": "response", "narrative": "narrative"}
"""where a note of one sentence stands"""


@dataclass
class Played:
    """What the tour, and whoever tries the demo, need to know of a course."""

    key: str
    client_id: str
    plan_id: str = ""
    goal_id: str = ""
    sessions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    moments: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    boundary: str = ""
    concern: str = ""


async def play_all(caller: Caller, courses: Sequence[Course], step: Callable[[], None]) -> list[Played]:
    """All of them at once; `step` is called after each appointment."""
    return list(await asyncio.gather(*(play(caller, course, step) for course in courses)))


async def play(caller: Caller, course: Course, step: Callable[[], None] = lambda: None) -> Played:
    player = await _Player.begin(caller, course)
    for meeting in course.meetings:
        await player.meet(meeting)
        step()
    await player.end()
    return player.played


class _Player:
    def __init__(self, caller: Caller, course: Course, tokens: Mapping[str, str], played: Played) -> None:
        self._caller, self._course, self._tokens, self.played = caller, course, tokens, played
        self._task: str | None = None
        self._intervention = ""
        today = datetime.now(UTC).replace(hour=course.hour, minute=0, second=0, microsecond=0)
        self._start = today - timedelta(weeks=LAST_WEEK, days=3)
        self._reviewed = False

    @classmethod
    async def begin(cls, caller: Caller, course: Course) -> "_Player":
        who, therapist = course.client, course.therapist
        tokens = {p.role: await caller.token(p.sub, p.name, p.role) for p in (_INTAKE, _OFFICER)}
        tokens["therapist"] = await caller.token(therapist.sub, therapist.name, therapist.role)
        if (supervisor := course.supervisor) is not None:
            tokens["supervisor"] = await caller.token(supervisor.sub, supervisor.name, "supervisor")
        intake = tokens["intake"]
        client = {"name": who.name, "birth_date": course.birth_date}
        client_id = (await caller.post("/v1/clients", client, token=intake))["id"]
        tokens["client"] = await caller.token(who.sub, who.name, "client", client_id)
        player = cls(caller, course, tokens, Played(course.key, client_id))
        await player._agree_to_treatment()
        await player._make_plan()
        return player

    async def _agree_to_treatment(self) -> None:
        course, since = self._course, str(self._start.date() - timedelta(days=7))
        related = [(course.therapist.sub, course.therapist.role)]
        related += [(course.supervisor.sub, "supervisor")] if course.supervisor else []
        for sub, role in related:
            body = {"client_id": self.played.client_id, "practitioner_id": sub, "role": role, "period": {"start": since}}
            await self._caller.post("/v1/relationships", body, token=self._tokens["intake"])
        for kind in ("treatment", "measurement"):
            made = await self._caller.post("/v1/consents", self._consent(kind, since), token=self._tokens["intake"])
            await self._caller.post(f"/v1/consents/{made['id']}/signatures", {}, token=self._tokens["client"])

    def _consent(self, kind: str, since: str) -> dict[str, Any]:
        return {
            "client_id": self.played.client_id,
            "kind": kind,
            "grantor": {"role": "client", "name": self._course.client.name},
            "policy": {"base": "permit", "provisions": []},
            "period": {"start": since},
            "elements": {
                "explained_by": self._course.therapist.name,
                "explained_on": since,
                "nature": f"Individual psychotherapy, {self._course.title}, fifty minutes, with a short questionnaire.",
                "risks": "Strong feelings may come up, and things may feel harder before they feel easier.",
                "alternatives": "Group therapy, a medication consultation, self-help, or waiting.",
                "limits_of_confidentiality": "Serious and imminent danger; a court order.",
            },
        }

    async def _make_plan(self) -> None:
        course, at = self._course, self._at(0) + timedelta(hours=1)
        body = {"problems": course.problems, "strengths": course.strengths}
        plan = (await self._write(f"/v1/clients/{self.played.client_id}/plans", body, at))["id"]
        goal = (await self._write(f"/v1/plans/{plan}/goals", course.goal, at, by="client"))["id"]
        self.played.plan_id, self.played.goal_id = plan, goal
        agrees = {"party": "client", "agrees": True, "words": course.agrees}
        await self._write(f"/v1/goals/{goal}/agreements", agrees, at, by="client")
        await self._write(f"/v1/goals/{goal}/agreements", {"party": "therapist", "agrees": True}, at)
        self._intervention = (await self._write(f"/v1/goals/{goal}/interventions", course.intervention, at))["id"]
        for by in ("therapist", "client"):
            await self._write(f"/v1/plans/{plan}/signatures", {}, at, by=by)

    async def meet(self, meeting: Meeting) -> None:
        course, start = self._course, self._at(meeting.week)
        done = start + timedelta(hours=1)
        if not self._reviewed and meeting.week > LAST_WEEK // 2:
            self._reviewed = True
            await self._write(f"/v1/plans/{self.played.plan_id}/reviews", {"words": course.review}, start)
        session = (await self._write("/v1/sessions", self._session(meeting, start), done))["id"]
        self.played.sessions.append(session)
        if meeting.note:
            await self._note(meeting, session, done)
        if meeting.private:
            made = await self._write(f"/v1/sessions/{session}/psychotherapy-notes", {"sections": meeting.private}, done)
            self.played.private.append(made["id"])
        for minutes, moment in enumerate(meeting.moments):
            noted = done + timedelta(minutes=minutes)
            made = (await self._write(f"/v1/sessions/{session}/moments", moment, noted))["id"]
            (self.played.moments if moment.get("class") == "open" else self.played.closed).append(made)
        await self._work(meeting, session, done)
        await self._measure(meeting, session, done)
        if meeting.boundary:
            path = f"/v1/clients/{self.played.client_id}/boundary-events"
            self.played.boundary = (await self._write(path, meeting.boundary, done))["id"]

    async def _note(self, meeting: Meeting, session: str, at: datetime) -> None:
        form = self._course.format
        said = meeting.note if isinstance(meeting.note, Mapping) else {_SECTIONS[form]: meeting.note}
        made = await self._write(f"/v1/sessions/{session}/progress-notes", {"format": form, "sections": dict(said)}, at)
        await self._write(f"/v1/notes/{made['id']}/signatures", {}, at + timedelta(minutes=5))
        link = {"note_id": made["id"], "intervention_id": self._intervention}
        await self._write(f"/v1/goals/{self.played.goal_id}/notes", link, at + timedelta(minutes=6))
        self.played.notes.append(made["id"])
        if self._course.therapist.role == "trainee" and meeting.week < LAST_WEEK - 4:  # the newest still wait
            path = f"/v1/notes/{made['id']}/cosignatures"
            await self._write(path, {}, at + timedelta(days=1), by="supervisor")

    async def _work(self, meeting: Meeting, session: str, at: datetime) -> None:
        goal = f"/v1/goals/{self.played.goal_id}"
        if meeting.done and self._task:
            done, words = meeting.done
            body = {"session_id": session, "done": done, "words": words}
            await self._write(f"/v1/tasks/{self._task}/completions", body, at, by="client")
        if meeting.homework:
            self._task = (await self._write(f"{goal}/tasks", {"what": meeting.homework, "session_id": session}, at))["id"]
        if meeting.attained is not None:
            await self._write(f"{goal}/attainments", {"level": meeting.attained, "session_id": session}, at)

    async def _measure(self, meeting: Meeting, session: str, at: datetime) -> None:
        client = self.played.client_id
        if meeting.outcome is not None:
            day = str(at.date())
            score = {"measure": self._course.measure, "session_id": session, "date": day, "score": meeting.outcome}
            await self._write(f"/v1/clients/{client}/outcomes", score, at)
        if meeting.alliance is not None:
            asked = {"client_id": client, "instrument": "wai-sr", "session_id": session, "rater": "client"}
            made = (await self._write("/v1/administrations", asked, at))["id"]
            base, extra = divmod(meeting.alliance, WAI_SR_ITEMS)
            answers = {str(item): base + (1 if item <= extra else 0) for item in range(1, WAI_SR_ITEMS + 1)}
            answered = at + timedelta(minutes=20)
            await self._write(f"/v1/administrations/{made}/responses", {"answers": answers}, answered, by="client")

    async def end(self) -> None:
        """A concern goes past the therapist, and is answered."""
        course, at = self._course, self._at(LAST_WEEK)
        if course.concern is None:
            return
        self.played.concern = (await self._write("/v1/concerns", {"words": course.concern}, at, by="client"))["id"]
        if course.concern_answer is not None:
            path = f"/v1/concerns/{self.played.concern}/answers"
            await self._write(path, {"words": course.concern_answer}, at + timedelta(days=1), by="compliance_officer")

    def _at(self, week: int) -> datetime:
        return self._start + timedelta(weeks=week)

    def _session(self, meeting: Meeting, start: datetime) -> dict[str, Any]:
        return {
            "client_id": self.played.client_id,
            "therapist_id": self._course.therapist.sub,
            "started_at": start.isoformat(),
            "ended_at": (start + timedelta(minutes=50)).isoformat(),
            "modality": self._course.modality,
            "format": "individual",
            "attendance": meeting.attendance,
            "place": "office",
        }

    async def _write(self, path: str, body: Any, at: datetime, *, by: str = "therapist") -> Any:
        return await self._caller.post(path, body, token=self._tokens[by], at=at)
