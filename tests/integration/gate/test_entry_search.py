"""The officers' search beside the same question asked of every entry in Python: each filter alone, and all pairs of them."""

import itertools
from datetime import timedelta

from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.officers.adapters.entry_search import EntrySearch
from tests.integration.gate.gate_support import World
from tests.support.ledger import entry

PEOPLE = (("k-1", "Kim Lee"), ("k-2", "Kim Lee"), ("kim", "Somebody Else"), ("t-marsh", "Lena Marsh"))
ASKED: dict[str, tuple[object, ...]] = {
    "agent": ("kim", "Kim Lee", "marsh", "k-1", "nobody"),
    "purpose": ("TREAT", "HLEGAL", "HRESCH"),
    "actions": (("read",), ("export",), ("read", "export"), ("lookup",)),
    "kinds": (("disclosure",), ("alarm", "disclosure"), ("query",)),
    "outcome": ("permit", "deny", "done"),
    "client_id": ("00000000-0000-4000-8000-000000000001",),
}


def fits(e: Entry, f: Filters) -> bool:
    word = (f.agent or "").casefold()
    return (
        (f.agent is None or e.agent == f.agent or word in e.agent_name.casefold())
        and (f.purpose is None or e.purpose == f.purpose)
        and (not f.actions or e.action in f.actions)
        and (not f.kinds or e.kind.value in f.kinds)
        and (f.outcome is None or e.outcome == f.outcome)
        and (f.client_id is None or e.client_id == f.client_id)
        and (f.since is None or e.at >= f.since)
        and (f.until is None or e.at < f.until)
    )


async def test_each_filter_and_each_pair_finds_what_fits_and_nothing_else(world: World) -> None:
    now, made = world.clock.now(), []
    for n in range(90):
        sub, name = PEOPLE[n % 4]
        kind = EntryKind.ALARM if n % 11 == 0 else EntryKind.DISCLOSURE
        made.append(
            entry(
                n,
                kind=kind,
                at=now - timedelta(minutes=n // 2),  # two at a time: the index tells them apart
                agent=sub,
                agent_name=name,
                action=("read", "export", "create")[n % 3],
                purpose=None if kind is EntryKind.ALARM else ("TREAT", "HLEGAL")[n % 5 == 0],
                outcome="done" if kind is EntryKind.ALARM else ("permit", "deny")[n % 7 == 0],
                client_id=f"00000000-0000-4000-8000-{n % 2:012}",
            )
        )
    indexes = await world.service._ledger.append(world.tenant, made)
    ordered = sorted(zip(indexes, made, strict=True), key=lambda p: (p[1].at, p[0]), reverse=True)
    search = EntrySearch(world.service._store)
    single = [{name: value} for name, values in ASKED.items() for value in values]
    pairs = [{**a, **b} for a, b in itertools.combinations(single, 2) if not a.keys() & b.keys()]
    spans = [{"since": now - timedelta(minutes=30)}, {"until": now - timedelta(minutes=9), "since": now - timedelta(minutes=40)}]
    found = 0
    for given in [{}, *single, *pairs, *spans, *({**s, **one} for s in spans for one in single)]:
        filters = Filters(**given)  # type: ignore[arg-type]
        wanted = [index for index, e in ordered if fits(e, filters)]
        after, pages = None, []
        while page := await search.page(world.tenant, filters, after, 7):
            pages += [s.index for s in page]
            after = page[-1].entry.at, page[-1].index
        assert pages == wanted, given
        found += len(wanted)
    assert found > 1_000
