"""What the ledger and the snooping review keep about who a client is: gone with the client's identity."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.officers.adapters.case_table import CaseTable
from services.audit_log.officers.adapters.judgements import Judgements
from services.audit_log.officers.domain.access import Access, Tie
from services.audit_log.officers.domain.explanations import Judged, Mark
from shared.service import clock
from tests.integration.erasures.test_retention import consented
from tests.integration.erasures.world import World
from tests.support.ledger import entry


async def likeness(here: World, client: UUID) -> tuple[int, int, int]:
    """Somebody was found to be like the client; two suspensions, one over and one in force: the indexes of the three entries."""
    now = clock.now()
    ends = [
        {"until": (now + timedelta(days=n)).isoformat(), "entries": [0], "statement": "It would impede an audit."}
        for n in (-1, 1)
    ]
    told: list[tuple[str, dict[str, Any]]] = [("compare-likeness", {"person": "t-rivera", "ties": ["same_surname"]})]
    told += [("suspend-accounting", {"query": query}) for query in ends]
    made = [entry(kind=EntryKind.QUERY, action=a, client_id=str(client), purpose="HCOMPL", records=(), detail=d) for a, d in told]
    cases = CaseTable(here.store)
    tie = cases.tie(here.tenant, "t-rivera", str(client), [Tie.SAME_SURNAME], now)
    one, over, standing = await here.ledger.append(here.tenant, made, statements=[tie])
    (use,) = await here.ledger.append(here.tenant, [entry(client_id=str(client))])
    access = Access(use, now, "t-rivera", "", "therapist", str(client), "read", "TREAT", (), frozenset())
    asked = Judged(access, None, (Mark.SAME_SURNAME, Mark.NO_RELATIONSHIP))
    await Judgements(here.store).keep(here.tenant, 0, 8, [asked])
    assert await cases.known(here.tenant, str(client))
    return one, over, standing


async def test_likeness_goes_with_the_clients_identity_and_so_do_suspensions_that_are_over(here: World) -> None:
    client, other = uuid4(), uuid4()
    here.chosen.laws = frozenset({"eu"})  # no accounting of disclosures to keep
    one, over, standing = await likeness(here, client)
    tie = CaseTable(here.store).tie(here.tenant, "t-rivera", str(other), [Tie.SAME_ADDRESS], clock.now())
    await here.ledger.append(here.tenant, [entry()], statements=[tie])
    asked = await here.ask(client, "identity")
    assert (await here.approve(asked.body["id"])).status == 202
    assert [(await here.ledger.entry(here.tenant, i)).erased for i in (one, over, standing)] == [True, True, False]
    assert set(await Judgements(here.store).ties(here.tenant, [str(client), str(other)])) == {str(other)}
    (question,) = await CaseTable(here.store).questions(here.tenant, "t-rivera", 10)
    assert question.marks == ("no-relationship",)
    assert not await CaseTable(here.store).known(here.tenant, str(client))
    assert (await here.ledger.verify(here.tenant)).ok


async def test_a_law_that_has_disclosures_accounted_for_keeps_what_suspended_it(here: World) -> None:
    client = uuid4()
    consented(here, client)
    one, over, standing = await likeness(here, client)
    asked = await here.ask(client, "identity")
    await here.approve(asked.body["id"])
    assert [(await here.ledger.entry(here.tenant, i)).erased for i in (one, over, standing)] == [True, False, False]
