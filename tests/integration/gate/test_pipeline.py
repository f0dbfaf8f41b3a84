"""The gate from a request to keys and entries, on real databases."""

from hashlib import sha256
from uuid import uuid4

import pytest

from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.contracts.consent_policy import ConsentStatus, Policy, Provision
from shared.contracts.disclosure import Action, Decision, DisclosureAnswer, Refusal
from shared.contracts.records import ALLIANCE_RATING, KeyClass
from shared.http.problems import Problem
from tests.integration.gate.gate_support import ALLIANCE, CONSENT, World


async def entry_of(world: World, answer: DisclosureAnswer) -> Entry:
    (index,) = answer.entries
    return (await world.service._ledger.entry(world.tenant, index)).entry


async def test_what_was_written_is_read_with_the_same_key(world: World) -> None:
    await world.usual()
    ref, key = await world.note()
    answer = await world.ask(world.token("t-okafor", "therapist"), Action.READ, ref)
    assert answer.decision is Decision.PERMIT
    assert answer.keys == (key,) and len(key.key) == 32
    entry = await entry_of(world, answer)
    assert (entry.kind, entry.action, entry.outcome, entry.reason) == (EntryKind.DISCLOSURE, "read", "permit", "consent")
    assert (entry.agent, entry.agent_role, entry.service) == ("t-okafor", "therapist", "session_notes")
    assert (entry.purpose, entry.purpose_defaulted, entry.policy_sequence) == ("TREAT", True, 4)
    assert entry.client_id == world.client
    assert any(b.startswith("consent:") for b in entry.basis) and any(b.startswith("relationship:") for b in entry.basis)


async def test_each_record_has_its_own_key(world: World) -> None:
    await world.usual()
    (_, one), (_, other) = await world.note(), await world.note()
    assert one.kid == other.kid and one.key != other.key


async def test_a_stranger_gets_no_key_and_an_entry(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    answer = await world.ask(world.token("t-nobody", "therapist"), Action.READ, ref)
    assert (answer.decision, answer.keys, answer.refusal) == (Decision.DENY, (), Refusal.POLICY)
    assert not answer.records[0].may_know
    assert (await entry_of(world, answer)).outcome == "deny"


async def test_many_records_are_one_entry_a_client(world: World) -> None:
    await world.usual()
    other = str(uuid4())
    await world.agreed(world.relation("t-rivera", client=other))
    mine = [(await world.note())[0] for _ in range(3)]
    theirs, _ = await world.note(client=other)
    answer = await world.ask(world.token("t-okafor", "therapist"), Action.SEARCH, *mine, theirs)
    assert len(answer.entries) == 2 and len(answer.keys) == 3
    assert [r.decision for r in answer.records] == [Decision.PERMIT] * 3 + [Decision.DENY]


async def test_after_revocation_the_author_alone_reads(world: World) -> None:
    await world.agreed(world.relation("t-rivera"), world.relation("t-okafor"))
    consent = world.consent()
    await world.agreed(consent)
    ref, _ = await world.note()
    reader, author = world.token("t-okafor", "therapist"), world.token("t-rivera", "therapist")
    assert (await world.ask(reader, Action.READ, ref)).keys
    await world.agreed(consent.model_copy(update={"status": ConsentStatus.REVOKED}))
    denied = await world.ask(reader, Action.READ, ref)
    assert not denied.keys and denied.records[0].may_know
    assert (await world.ask(author, Action.READ, ref)).keys


async def test_onc_hti_1_an_apps_tokens_open_nothing_after_revocation(world: World) -> None:
    """Neither the access token that it holds, nor what its refresh token gets it: a new one from the same issuer. The bound
    that the rule sets is an hour; here it is the next call."""
    app = Provision(type="permit", actors=("app-harbor",))
    consent = world.consent("disclosure", policy=Policy(base="deny", provisions=(app,)), covers=("progress_note",))
    await world.agreed(world.relation("t-rivera"), consent, world.consent())
    ref, _ = await world.note()
    held = world.token("app-harbor", "ehr_system")
    assert (await world.ask(held, Action.READ, ref)).keys
    await world.agreed(consent.model_copy(update={"status": ConsentStatus.REVOKED}))
    refreshed = world.token("app-harbor", "ehr_system", jti="another")
    assert refreshed != held
    for token in (held, refreshed):
        answer = await world.ask(token, Action.READ, ref)
        assert not answer.keys and not answer.records[0].may_know


@pytest.mark.parametrize("what", ["record", "client", "type", "author", "labels"])
async def test_a_claim_against_the_registry_is_refused_and_alarms(world: World, what: str) -> None:
    await world.usual()
    ref, _ = await world.note()
    claims = {
        "record": world.ref(),
        "client": world.ref(record=ref.record_id, client=str(uuid4())),
        "type": world.ref("session", record=ref.record_id),
        "author": world.ref(record=ref.record_id, author="t-okafor"),
        "labels": world.ref(record=ref.record_id, labels=("SUD",)),
    }
    answer = await world.ask(world.token("t-rivera", "therapist"), Action.READ, claims[what])
    assert (answer.decision, answer.refusal, answer.keys) == (Decision.DENY, Refusal.REGISTRY, ())
    entry = await entry_of(world, answer)
    assert entry.kind is EntryKind.ALARM and entry.agent == "t-rivera"


async def test_a_record_is_bound_once(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    for service, kind in ((None, "progress_note"), (None, "session")):
        assert service is None
        answer = await world.ask(
            world.token("t-rivera", "therapist"), Action.CREATE, world.ref(kind, record=ref.record_id, client=ref.client_id)
        )
        assert (answer.refusal, answer.keys) == (Refusal.REGISTRY, ())
        assert (await entry_of(world, answer)).reason == "record-bound-already"
    assert (await world.ask(world.token("t-rivera", "therapist"), Action.READ, ref)).keys


async def test_the_registry_outlives_the_memory_of_it(world: World) -> None:
    await world.usual()
    ref, key = await world.note()
    world.service.steps.registry._cache.clear()  # type: ignore[attr-defined]
    assert (await world.ask(world.token("t-rivera", "therapist"), Action.READ, ref)).keys == (key,)


async def test_a_service_asks_for_its_own_classes_only(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    token = world.token("t-rivera", "therapist")
    for service in (ALLIANCE, CONSENT):
        answer = await world.ask(token, Action.READ, ref, service=service)
        assert (answer.refusal, answer.keys) == (Refusal.SERVICE, ())
        assert (await entry_of(world, answer)).kind is EntryKind.ALARM
    prompt = world.ref("repair_prompt", labels=(ALLIANCE_RATING,))
    assert (await world.ask(None, Action.CREATE, prompt, service=ALLIANCE, job="strain_detection")).keys
    assert (await world.ask(token, Action.READ, prompt)).keys
    assert (await world.ask(token, Action.UPDATE, prompt)).refusal is Refusal.SERVICE


async def test_the_token_is_verified_again(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    expired = world.issuer.token({"sub": "t-rivera", "role": "therapist", "tenant": world.tenant}, lifetime=-1)
    elsewhere = world.issuer.token({"sub": "t-rivera", "role": "therapist", "tenant": "another"})
    for token in ("forged", expired, elsewhere, None):
        answer = await world.ask(token, Action.READ, ref)
        assert (answer.refusal, answer.keys) == (Refusal.IDENTITY, ())
        assert (await entry_of(world, answer)).agent == "unverified"
    both = await world.ask(world.token("t-rivera", "therapist"), Action.READ, ref, job="strain_detection")
    assert both.refusal is Refusal.IDENTITY


async def test_a_role_claims_its_own_purposes(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    token = world.token("t-rivera", "therapist")
    assert (await world.ask(token, Action.READ, ref, purpose="HRESCH")).refusal is Refusal.PURPOSE
    answer = await world.ask(token, Action.READ, ref, purpose="COC")
    entry = await entry_of(world, answer)
    assert (entry.purpose, entry.purpose_defaulted) == ("COC", False)


async def test_a_link_answers_its_administration(world: World) -> None:
    await world.usual()
    secret = "one-time-secret-of-a-rater"
    ref = world.ref(
        "administration", author=world.client, labels=(ALLIANCE_RATING,), link_digest=sha256(secret.encode()).hexdigest()
    )
    made = await world.ask(world.token("t-rivera", "therapist"), Action.CREATE, ref, service=ALLIANCE)
    bare = world.ref("administration", record=ref.record_id)
    answered = await world.ask(None, Action.ANSWER, bare, service=ALLIANCE, link=secret)
    assert answered.keys == made.keys
    assert (await entry_of(world, answered)).agent == f"link:{ref.record_id}"
    assert not (await world.ask(None, Action.ANSWER, bare, service=ALLIANCE, link=secret + "x")).keys
    assert not (await world.ask(None, Action.READ, bare, service=ALLIANCE, link=secret)).keys
    assert (await world.ask(world.client_token(), Action.ANSWER, bare, service=ALLIANCE)).keys


async def test_a_search_that_finds_nothing_has_its_entry_and_says_who_may_know(world: World) -> None:
    await world.usual()
    known = await world.ask(world.token("t-rivera", "therapist"), Action.SEARCH, subjects=[world.client])
    assert (known.decision, known.may_know, len(known.entries)) == (Decision.PERMIT, True, 1)
    stranger = await world.ask(world.token("t-nobody", "therapist"), Action.SEARCH, subjects=[world.client])
    assert (stranger.decision, stranger.may_know, len(stranger.entries)) == (Decision.DENY, False, 1)


async def test_an_empty_list_and_a_closed_one_look_alike(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    for sub, role, expected in (("i-sato", "intake", True), ("t-nobody", "therapist", False)):
        token = world.token(sub, role)
        empty = await world.ask(token, Action.SEARCH, subjects=[world.client])
        closed = await world.ask(token, Action.SEARCH, ref)
        assert empty.may_know is closed.may_know is expected


async def test_erased_is_permitted_without_a_key_and_nothing_new_is_sealed(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    erasure, classes = uuid4(), [KeyClass.PROGRESS_NOTE]
    await world.service._keyring.fence(world.tenant, world.client, classes, erasure)
    made = await world.ask(world.token("t-rivera", "therapist"), Action.CREATE, world.ref())
    assert (made.decision, made.records[0].reason, made.keys) == (Decision.DENY, "key-fenced", ())
    await world.service._keyring.shred(world.tenant, world.client, classes, erasure)
    answer = await world.ask(world.token("t-rivera", "therapist"), Action.READ, ref)
    assert (answer.decision, answer.keys, answer.records[0].erased) == (Decision.PERMIT, (), True)
    stranger = await world.ask(world.token("t-nobody", "therapist"), Action.READ, ref)
    assert not stranger.records[0].erased and stranger.decision is Decision.DENY


async def test_a_malformed_request_lists_its_faults(world: World) -> None:
    token = world.token("t-rivera", "therapist")
    same = world.ref()
    for refs in ([], [same, same], [world.ref(record="1")], [world.ref("session", link_digest="a" * 64)], [world.ref("client")]):
        with pytest.raises(Problem) as problem:
            await world.ask(token, Action.READ, *refs)
        assert problem.value.status == 422 and problem.value.errors


async def test_five_hundred_records_are_one_call_and_one_more_is_refused(world: World) -> None:
    await world.usual()
    refs = [world.ref() for _ in range(500)]
    token = world.token("t-rivera", "therapist")
    assert len((await world.ask(token, Action.CREATE, *refs)).keys) == 500
    answer = await world.ask(token, Action.SEARCH, *refs)
    assert len(answer.keys) == 500 and len(answer.entries) == 1
    with pytest.raises(Problem):
        await world.ask(token, Action.SEARCH, *refs, world.ref())


async def test_records_that_are_made_together_are_made_whole_or_not_at_all(world: World) -> None:
    """One client of two is not the caller's, or is being erased: no key leaves, and no record is bound."""
    await world.usual()
    other, therapist = str(uuid4()), world.token("t-rivera", "therapist")
    refs = [world.ref("session"), world.ref("session", client=other)]
    answer = await world.ask(therapist, Action.CREATE, *refs)
    assert (answer.decision, answer.keys) == (Decision.DENY, ())
    assert [(r.reason, r.may_know) for r in answer.records] == [("together", True), ("no-rule", False)]
    await world.agreed(world.relation("t-rivera", client=other))
    await world.service._keyring.fence(world.tenant, other, [KeyClass.PROGRESS_NOTE], uuid4())
    answer = await world.ask(therapist, Action.CREATE, *refs)
    assert (answer.decision, answer.keys) == (Decision.DENY, ())
    assert [r.reason for r in answer.records] == ["together", "key-fenced"]
    third = str(uuid4())
    await world.agreed(world.relation("t-rivera", client=third))
    answer = await world.ask(therapist, Action.CREATE, refs[0], world.ref("session", client=third))
    assert answer.decision is Decision.PERMIT and len(answer.keys) == len(answer.entries) == 2, "the first was never bound"
