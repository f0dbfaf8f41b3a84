"""The walk: what happened, which call shows it, and what each person may see of it. No line holds an id or a date."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from infra.demo.caller import Caller
from infra.demo.model import Course
from infra.demo.play import Played

_REFUSED: Final = {403: "refused", 404: "nothing there, as far as they can tell"}
_WIDTH: Final = 11
_LOOKS: Final = 5
"""of the access report"""
Show = Callable[[Any], str]


async def walk(caller: Caller, course: Course, played: Played) -> AsyncIterator[str]:
    tour = await _Tour.begin(caller, course, played)
    client, plan = f"/v1/clients/{played.client_id}", f"/v1/plans/{played.plan_id}"
    yield f"{course.client.name} and {course.therapist.name}: half a year, {course.title}, {len(played.sessions)} appointments"
    yield ""
    yield "1. A goal, in the client's own words, that both agreed to."
    async for line in tour.asked(plan, "/v1/plans/[plan]", _goal, "client", "stranger"):
        yield line
    yield ""
    yield "2. A break is announced. She answers in few words; the therapist notes it, and what it does to her, apart."
    async for line in tour.asked(
        f"{client}/moments", "/v1/clients/[client]/moments", _moments, "therapist", "supervisor", "client"
    ):
        yield line
    yield ""
    yield "3. What the therapist kept for herself stays hers."
    private = f"/v1/notes/{played.private[0]}"
    async for line in tour.asked(private, "/v1/notes/[psychotherapy note]", _sections, "therapist", "supervisor", "client"):
        yield line
    yield ""
    yield "4. Her ratings say the same, session by session: a drop consistent with strain, and its repair."
    alliance = f"{client}/alliance?instrument=wai-sr"
    async for line in tour.asked(alliance, "/v1/clients/[client]/alliance", _ratings, "therapist", "supervisor", "stranger"):
        yield line
    yield ""
    yield "5. Anger could be said, and nobody left."
    moment = f"/v1/moments/{played.moments[-1]}"
    async for line in tour.asked(moment, "/v1/moments/[moment]", _corrective, "client"):
        yield line
    yield ""
    yield "6. Half a year later: how far the goal is reached, on levels that were described beforehand."
    async for line in tour.asked(plan, "/v1/plans/[plan]", _attained, "therapist"):
        yield line
    yield ""
    yield "7. Each of these looks is in the ledger. The client asks who has read her record."
    report = f"/v1/audit{client.removeprefix('/v1')}/access-report"
    async for line in tour.asked(report, "/v1/audit/clients/[client]/access-report", _looks, "client", "stranger"):
        yield line


class _Tour:
    def __init__(self, caller: Caller, tokens: Mapping[str, str]) -> None:
        self._caller, self._tokens = caller, tokens

    @classmethod
    async def begin(cls, caller: Caller, course: Course, played: Played) -> "_Tour":
        assert course.supervisor is not None
        people = {"therapist": course.therapist, "supervisor": course.supervisor}
        tokens = {name: await caller.token(p.sub, p.name, p.role) for name, p in people.items()}
        tokens["client"] = await caller.token(course.client.sub, course.client.name, "client", played.client_id)
        tokens["stranger"] = await caller.token("nora.stranger", "Nora Stranger", "therapist")
        return cls(caller, tokens)

    async def asked(self, path: str, named: str, show: Show, *people: str) -> AsyncIterator[str]:
        """The call, then one block a person."""
        yield f"   GET {named}"
        for person in people:
            status, body = await self._caller.get(path, token=self._tokens[person])
            said = show(body) if status == 200 else _REFUSED.get(status, "")
            first, *more = said.splitlines() or [""]
            yield f"     {person:<{_WIDTH}} {status}  {first}"
            for line in more:
                yield f"     {'':<{_WIDTH}}      {line}"


def _goal(plan: Any) -> str:
    (goal, *_) = plan["goals"]
    answers = ", ".join(f"{a['party']}: {'yes' if a['agrees'] else 'no'}" for a in goal["agreements"])
    return f"{goal['description']}\n\u201c{goal['clients_words']}\u201d  {answers}"


def _moments(page: Any) -> str:
    lines = []
    for item in reversed(page["items"]):
        what = item["code"] or "\u2013"
        lines.append(f"{item['class']:<6} {item['kind']:<22} {what:<17} {item['text'] or ''}".rstrip())
    return f"{len(lines)} moments\n" + "\n".join(lines)


def _sections(note: Any) -> str:
    return "\n".join(f"{name}: {text}" for name, text in sorted(note["sections"].items()))


def _ratings(body: Any) -> str:
    if not body["released"]:
        return "withheld: the client's choice"
    totals = [point["scores"]["total"] for point in body["series"]]
    found = [(e["kind"], e["onset"], e.get("repaired_at") or "no rating yet") for e in body["episodes"]]
    episodes = [f"{kind} at rating {onset}, repaired at {repaired}" for kind, onset, repaired in found]
    return " ".join(map(str, totals)) + "\n" + ("; ".join(episodes) or "no episode")


def _corrective(moment: Any) -> str:
    told = moment["corrective"] or {}
    return "\n".join(f"{name}: {told.get(name)}" for name in ("feared", "happened", "felt", "said"))


def _attained(plan: Any) -> str:
    (goal, *_) = plan["goals"]
    levels = " ".join(f"{a['level']:+d}" if a["level"] else "0" for a in goal["attainments"])
    return f"{levels}  now: {goal['levels'][str(goal['attainments'][-1]['level'])]}\nT = {plan['t_score']} (50: as expected)"


def _looks(report: Any) -> str:
    """The newest looks of others, as the report words them."""
    said = list(dict.fromkeys(item["what"] for item in report["items"] if item["who"] != "the client"))
    return "\n".join(said[:_LOOKS])
