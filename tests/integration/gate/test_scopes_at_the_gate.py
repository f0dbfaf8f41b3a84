"""The gate itself holds a token to its SMART scopes, whatever the service that asks forgot."""

from itertools import product
from uuid import uuid4

import pytest

from services.audit_log.gate.application.releases import ReleaseRefused
from shared.contracts.disclosure import Action, Caller, Decision, Refusal, ReleaseAudience, ReleaseRequest
from shared.contracts.records import RECORD_TYPES, RecordType, ServiceName
from shared.contracts.smart_scopes import ACTIONS, RECORDS
from shared.http.problems import Problem
from tests.integration.gate.gate_support import World

KEY = "A" * 43
RECORD_ACTIONS = tuple(a for a in Action if a is not Action.LOOKUP)


def test_every_record_type_and_every_action_is_in_the_table() -> None:
    assert set(RECORDS) == set(RecordType)
    assert set(ACTIONS) == set(Action)


@pytest.mark.parametrize(("kind", "action"), list(product(RecordType, RECORD_ACTIONS)))
async def test_a_token_for_another_type_is_refused_everything(world: World, kind: RecordType, action: Action) -> None:
    """The same token with the scope that the table names gets as far as the decision."""
    ref, sealed_for = world.ref(str(kind)), KEY if action is Action.EXPORT else None
    if kind is RecordType.CLIENT:
        ref = world.ref(str(kind), record=ref.client_id)
    needed = "*.rs" if action is Action.EXPORT else f"{RECORDS[kind]}.{ACTIONS[action][0]}"
    answers = []
    for scope in ("system/Basic.cruds patient/*.cruds", f"system/{needed}"):
        token = world.token("t-rivera", "therapist", scope=scope)
        answers.append(await world.ask(token, action, ref, service=RECORD_TYPES[kind].owner, sealed_for=sealed_for))
    assert answers[0].refusal is Refusal.SCOPES
    assert (answers[0].decision, answers[0].keys) == (Decision.DENY, ())
    assert len(answers[0].entries) == 1, "the refusal is on record"
    assert answers[1].refusal is not Refusal.SCOPES


@pytest.mark.parametrize("service", [ServiceName.CONSENT, ServiceName.SESSION_NOTES, ServiceName.ALLIANCE])
async def test_a_search_that_found_nothing_takes_a_scope_of_the_service(world: World, service: ServiceName) -> None:
    owned = next(RECORDS[kind] for kind, row in RECORD_TYPES.items() if row.owner is service)
    for scope, refused in (("user/Basic.s", True), (f"user/{owned}.r", True), (f"user/{owned}.s", False)):
        token = world.token("t-rivera", "therapist", scope=scope)
        answer = await world.ask(token, Action.SEARCH, service=service, subjects=[world.client])
        assert (answer.refusal is Refusal.SCOPES) is refused, scope


async def test_one_record_beyond_the_scopes_refuses_the_whole_request(world: World) -> None:
    await world.usual()
    note, _ = await world.note()
    session = world.ref("session")
    token = world.token("t-rivera", "therapist", scope="user/DocumentReference.rs")
    assert (await world.ask(token, Action.SEARCH, note)).decision is Decision.PERMIT
    assert (await world.ask(token, Action.SEARCH, note, session)).refusal is Refusal.SCOPES


async def test_the_refusal_names_who_asked(world: World) -> None:
    token = world.token("t-rivera", "therapist", scope="user/Basic.r")
    (index,) = (await world.ask(token, Action.READ, world.ref())).entries
    entry = (await world.service._ledger.entry(world.tenant, index)).entry
    assert (entry.agent, entry.reason, entry.outcome) == ("t-rivera", "beyond-scopes", "deny")


async def test_the_clients_choice_of_release_takes_the_scope_too(world: World) -> None:
    def wanted(scope: str) -> ReleaseRequest:
        token = world.token("u-client", "client", client_id=world.client, scope=scope)
        caller = Caller(token=token)
        return ReleaseRequest(
            tenant=world.tenant, client_id=world.client, caller=caller, request_id="r", therapist=ReleaseAudience.WITHHELD
        )

    gate = world.service.direct_gate(ServiceName.ALLIANCE)
    with pytest.raises(Problem) as refused:
        await gate.set_release(wanted("patient/Consent.r"))
    assert refused.value.slug == "insufficient-scope" and not isinstance(refused.value, ReleaseRefused)
    assert (await gate.set_release(wanted("patient/Consent.u"))).therapist is ReleaseAudience.WITHHELD


async def test_a_scope_with_a_query_or_misspelt_limits_and_grants_nothing(world: World) -> None:
    ref, _ = world.ref(), uuid4()
    for scope in ("user/DocumentReference.rs?category=x", "user/DocumentReference.R", "User/DocumentReference.rs", "patient/"):
        token = world.token("t-rivera", "therapist", scope=scope)
        assert (await world.ask(token, Action.READ, ref)).refusal is Refusal.SCOPES, scope
