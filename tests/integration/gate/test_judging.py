"""Uses of records judged from what the gate really has: its registry, its policy, its grants and refusals."""

import asyncio
from typing import Any

from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.officers.adapters.case_table import CaseTable
from services.audit_log.officers.adapters.judgements import Judgements
from services.audit_log.officers.application.judging import Judging, rare_hours
from services.audit_log.officers.domain.explanations import Mark
from shared.contracts.disclosure import Action
from tests.integration.gate.gate_support import World
from tests.integration.gate.test_reviews import call, granted, lind


def parts(world: World) -> tuple[Judging, CaseTable]:
    store = world.service._store
    return Judging(Judgements(store), world.service._policy, world.clock.now), CaseTable(store)


async def counted(world: World, sql: str) -> Any:
    return (await world.service._store.fetch(world.tenant, sql, world.tenant))[0]["n"]


async def test_break_glass_is_a_question_until_somebody_finds_it_justified(world: World, site: str) -> None:
    await world.usual()
    ref, _ = await world.note()
    await world.ask(world.token("t-rivera", "therapist"), Action.READ, ref)
    made = await granted(site, world)
    await world.ask(world.token("t-night", "therapist"), Action.READ, ref, purpose="BTG")
    judging, cases = parts(world)
    await judging.all(world.tenant)
    (person,) = await cases.people(world.tenant, 10)
    assert (person.agent, person.times, person.clients) == ("t-night", 1, 1)
    (question,) = await cases.questions(world.tenant, "t-night", 10)
    assert {Mark.GRANT_OPEN, Mark.NO_RELATIONSHIP} <= set(question.marks)
    grounds, unexplained = await cases.shares(world.tenant, question.at.replace(year=2000))
    assert (grounds, unexplained) == ([("session", 1)], 1)
    body = {"decision": "justified", "note": "The ward's call is documented."}
    assert (await call(site, lind(world), "POST", f"/v1/audit/reviews/{made['id']}/decisions", body))[0] == 200
    again = judging.again(world.tenant, {question.index: question.marks})
    both = await asyncio.gather(again, judging.again(world.tenant, {question.index: question.marks}))
    assert not any(both)
    grounds, unexplained = await cases.shares(world.tenant, question.at.replace(year=2000))
    assert (sorted(grounds), unexplained) == ([("emergency", 1), ("session", 1)], 0)
    assert await cases.open(world.tenant) == 0


async def test_each_batch_is_judged_once_also_by_two_at_a_time(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    for _ in range(5):
        await world.ask(world.token("t-rivera", "therapist"), Action.READ, ref)
    one, other = parts(world)[0], parts(world)[0]
    await asyncio.gather(one.all(world.tenant), other.all(world.tenant), one.all(world.tenant))
    uses = len(await world.service._ledger.search(world.tenant, Filters(kinds=("disclosure",)), limit=100))
    for table in ("review_hour WHERE kind = 'disclosure' AND", "review_person_day WHERE", "review_person_month WHERE"):
        assert await counted(world, f"SELECT sum(times)::int AS n FROM {table} tenant_id = $1") == uses  # noqa: S608
    assert await counted(world, "SELECT sum(times)::int AS n FROM review_ground WHERE tenant_id = $1") == 5


async def test_another_tenants_uses_are_not_seen(world: World) -> None:
    await world.usual()
    await world.note()
    judging, _ = parts(world)
    await judging.all(world.tenant)
    rows = await world.service._store.fetch("elsewhere", "SELECT count(*) AS n FROM review_hour")
    assert rows[0]["n"] == 0


def test_an_hour_is_rare_only_once_enough_is_known() -> None:
    assert rare_hours({9: 1_000}) == frozenset()
    assert rare_hours({9: 5_000, 21: 10, 22: 30}) == frozenset(range(24)) - {9, 22}
