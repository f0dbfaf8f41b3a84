"""Published cases of consent decisions, in our own form: facts of three sources, none of their text or code.

- IHE: the examples of IHE ITI Privacy Consent on FHIR (IHE/ITI.PCF) and what their notes say of the access token.
- LEAP: the decision tests of sdhealthconnect/leap-cds and leap-fhir-ces.
- HAPI: the votes that HAPI FHIR's consent services and ConsentInterceptor tests combine.

A source that knows one consent a client is asked as it stands there: what a permission does not name is asked of this consent
`alone`. What it permits or denies is asked `beside` the client's ordinary consent to treatment.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import Any

from services.consent.domain.fhir import codes

THERAPIST, NAMED, ORGANISATION = "t-rivera", "ex-practitioner", "ex-org-researcher"
_LABELS = ("N", "R", "V")


@dataclass(frozen=True, slots=True)
class Ask:
    expected: str
    """permit, deny, or silence: the source says that no consent speaks; nothing opens by it"""
    who: str = THERAPIST
    purpose: str = "TREAT"
    labels: tuple[str, ...] = ()
    record: str = "progress_note"
    made: datetime = datetime(2021, 6, 1, tzinfo=UTC)
    """when the record was made"""
    at: datetime = datetime(2022, 7, 1, tzinfo=UTC)
    """when it is asked"""
    alone: bool = False
    """without the client's consent to treatment"""
    granted: bool = False
    """under a break-glass grant"""
    what: str = ""
    """of the record, where the source tells records apart by something that is not kept here"""


@dataclass(frozen=True, slots=True)
class Published:
    source: str
    name: str
    consents: tuple[dict[str, Any], ...]
    ask: Ask
    version: str = "r4"
    why: str = field(default="")
    """why we differ, where we do"""


def codings(system: str, *values: str) -> list[dict[str, str]]:
    return [{"system": system, "code": value} for value in values]


def label(*values: str) -> list[dict[str, str]]:
    return [{"system": codes.CONFIDENTIALITY if v in _LABELS else codes.ACT_CODE, "code": v} for v in values]


def actor(reference: str) -> list[dict[str, Any]]:
    return [{"role": {"coding": codings(codes.PARTICIPATION, "IRCP")}, "reference": {"reference": reference}}]


TPO = {"purpose": codings(codes.ACT_REASON, "TREAT", "HPAYMT", "HOPERAT")}
NARROW = "an exception to a permission is read within the permission's own criteria: ours opens less"
UNCOMPARED = (
    "what it names cannot be compared here (author elsewhere, encounter, single record, unknown purpose): ours opens less"
)


def pcf(level: str, kind: str, *nested: dict[str, Any], **root: Any) -> dict[str, Any]:
    provision = {"type": kind, **root, **({"provision": list(nested)} if nested else {})}
    return {
        "meta": {"profile": [f"{codes.PCF}{level}"]},
        "dateTime": "2022-06-13",
        "policy": [{"uri": "https://example.org/policy"}],
        "provision": provision,
    }


def _ihe() -> Iterator[Published]:
    def case(name: str, consent: dict[str, Any], *asks: Ask, why: str = "") -> Iterator[Published]:
        yield from (Published("IHE", name, (consent,), ask, why=why) for ask in asks)

    treat, pay, operate = Ask("permit"), Ask("permit", purpose="HPAYMT"), Ask("permit", purpose="HOPERAT")
    research = Ask("deny", purpose="HRESCH", alone=True)
    basic = pcf("Basic", "permit", **TPO)
    yield from case("basic-treat", basic, treat, pay, operate, research)
    yield from case("basic-treat-infant", basic, treat, pay, research)
    yield from case("basic-ink", basic, treat, operate, research)
    over = pcf("Basic", "permit", **TPO, period={"end": "2022-12-31"})
    last, after = datetime(2022, 12, 31, 23, tzinfo=UTC), datetime(2023, 1, 1, tzinfo=UTC)
    yield from case("expired-treat", over, treat, Ask("permit", at=last), Ask("deny", at=after, alone=True))
    no = [Ask("deny"), Ask("deny", purpose="HPAYMT"), Ask("deny", purpose="HOPERAT")]
    yield from case("basic-reject", pcf("Basic", "deny", **TPO), *no)
    yield from case(
        "basic-research",
        pcf("Basic", "permit", purpose=codings(codes.ACT_REASON, "HRESCH")),
        Ask("permit", purpose="HRESCH"),
        Ask("deny", alone=True),
    )
    yield from _ihe_intermediate(case)
    yield from _ihe_advanced(case)


def _ihe_intermediate(case: Any) -> Iterator[Published]:
    year = {"dataPeriod": {"start": "2022-01-01", "end": "2022-12-31"}}
    within, before = datetime(2022, 3, 1, tzinfo=UTC), datetime(2021, 12, 31, tzinfo=UTC)
    later, asked = datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 7, 1, tzinfo=UTC)

    def made(decision: str, when: datetime, **other: Any) -> Ask:
        return Ask(decision, made=when, at=asked, **other)

    only = (made("permit", within), made("deny", before, alone=True), made("deny", later, alone=True))
    yield from case("timeframe", pcf("Intermediate", "permit", **TPO, **year), *only)
    besides = (made("deny", within), made("permit", before), made("permit", later))
    yield from case("not-timeframe", pcf("Intermediate", "permit", {"type": "deny", **year}, **TPO), *besides)
    for name, meaning, reference in (
        ("authoredby", "authoredby", "Practitioner/ex-practitioner"),
        ("encounter", "related", "Encounter/ex-encounter"),
        ("data", "instance", "Observation/ex-weight"),
    ):
        data = {"data": [{"meaning": meaning, "reference": {"reference": reference}}]}
        that = Ask("permit", record="outcome" if name == "data" else "progress_note", what="what it names")
        other = Ask("deny", record=that.record, alone=True, what="what it does not name")
        yield from case(name, pcf("Intermediate", "permit", **TPO, **data), that, other)
        excluded = pcf("Intermediate", "permit", {"type": "deny", **data}, **TPO)
        yield from case(f"not-{name}", excluded, Ask("deny", record=that.record, what="what it names"))
        yield from case(f"not-{name}", excluded, Ask("permit", record=that.record, what="what it does not name"), why=UNCOMPARED)
    purpose = {"purpose": codings("http://example.org/policies/purposeOfUse", "FooBar")}
    research = pcf("Intermediate", "permit", **purpose, actor=actor(f"Organization/{ORGANISATION}"))
    yield from case("purpose", research, Ask("permit", ORGANISATION, "FooBar", alone=True), why=UNCOMPARED)
    yield from case("purpose", research, Ask("deny", ORGANISATION, alone=True), Ask("deny", NAMED, "FooBar", alone=True))
    glass = {"type": "permit", "purpose": codings(codes.ACT_REASON, "BTG"), "actor": actor("Group/ex-privilegedUsers")}
    yield from case(
        "dissent-break-glass",
        pcf("Intermediate", "deny", glass),
        *(Ask("deny", purpose=p) for p in ("TREAT", "HPAYMT", "HRESCH")),
        Ask("permit", purpose="BTG", granted=True),
        Ask("deny", purpose="BTG"),
    )


def _ihe_advanced(case: Any) -> Iterator[Published]:
    def of(*labels: str, who: str = THERAPIST, **other: Any) -> Ask:
        return Ask("permit", who, labels=labels, **other)

    def not_of(*labels: str, who: str = THERAPIST, alone: bool = True, **other: Any) -> Ask:
        return Ask("deny", who, labels=labels, alone=alone, **other)

    n = {**TPO, "securityLabel": label("N")}
    yield from case("normal", pcf("Advanced", "permit", **n), of("N"), not_of("R"), not_of("V"), not_of("PSY"))
    both = {**TPO, "securityLabel": label("N", "R")}
    yield from case("normal-restricted", pcf("Advanced", "permit", **both), of("N"), of("R"), not_of("V"), not_of("PSY"))
    no_r = pcf("Advanced", "permit", {"type": "deny", "securityLabel": label("R")}, **n)
    yield from case("normal-not-restricted", no_r, of("N"), not_of("R", alone=False), not_of("V"), not_of("PSY"))
    for name, labels in (("restricted", ("R",)), ("psy", ("PSY",)), ("psy-or-sdv", ("PSY", "SDV"))):
        focused = {"type": "permit", "securityLabel": label(*labels), "actor": actor(f"Practitioner/{NAMED}")}
        consent = pcf("Advanced", "permit", focused, **n)
        yield from case(f"normal-focused-{name}", consent, of("N"), of("N", who=NAMED), not_of("V"), *map(not_of, labels))
        # the named practitioner holds no relationship: only this consent can open it to them
        yield from case(f"normal-focused-{name}", consent, *(of(one, who=NAMED, alone=True) for one in labels), why=NARROW)
    glass = {"type": "permit", "purpose": codings(codes.ACT_REASON, "BTG"), "securityLabel": label("R")}
    consent = pcf("Advanced", "permit", {**glass, "actor": actor("Group/ex-privilegedUsers")}, **n)
    grant: dict[str, Any] = {"purpose": "BTG", "granted": True}
    yield from case(
        "normal-break-glass-restricted", consent, of("N"), not_of("R"), of("R", **grant), of("N", **grant), not_of("V")
    )


BORIS = "54"
"""the organisation that LEAP's consents name"""


def _leap() -> Iterator[Published]:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    named = {"actor": actor(f"Organization/{BORIS}"), "action": [{"coding": codings(codes.ACTION, "access")}]}
    bob = {"actor": actor("Practitioner/001"), "action": [{"coding": codings(codes.ACTION, "access", "correct")}]}
    marketing = {"purpose": codings(codes.ACT_REASON, "HMARKT")}
    medication = {"class": codings(codes.RESOURCE_TYPES, "MedicationStatement")}
    loinc = {"code": [{"coding": codings("http://loinc.org/", "42828-4")}]}
    restricted, very = {"securityLabel": label("R")}, {"securityLabel": label("V")}

    def permits(*denials: dict[str, Any], **changes: Any) -> tuple[str, tuple[dict[str, Any], ...], dict[str, Any]]:
        return "permit", denials, changes

    other, org = "someone-else", BORIS
    optin = permits(named)
    late, over = {"period": {"start": "2024-01-03"}}, {"period": {"start": "2015-11-01", "end": "2016-01-01"}}
    array = permits({**restricted, **named}, {**very, **named}, marketing)
    cases: list[tuple[str, Any, tuple[Ask, ...]]] = [
        ("optin", optin, (Ask("permit", other, at=at),)),
        ("optin, no scope in the query", optin, (Ask("permit", other, at=at),)),
        ("optin, scope in the category", optin, (Ask("permit", other, at=at),)),
        ("expired", permits(named, **over), (Ask("silence", other, at=at, alone=True),)),
        ("not yet valid", permits(named, **late), (Ask("silence", other, at=at, alone=True),)),
        ("denied recipient", optin, (Ask("deny", org, at=at),)),
        ("denied recipient with several identifiers", optin, (Ask("deny", org, at=at),)),
        ("denied practitioner", permits(bob), (Ask("deny", "001", at=at), Ask("permit", other, at=at))),
        ("denied purpose", permits(marketing), (Ask("deny", org, "HMARKT", at=at), Ask("permit", org, at=at))),
        (
            "security label",
            permits({**restricted, **named}),
            (Ask("permit", org, labels=("N",), at=at), Ask("deny", org, labels=("R",), at=at)),
        ),
        (
            "several security labels",
            permits({"securityLabel": label("ETHUD", "HIV")}),
            tuple(Ask(d, org, labels=(one,), at=at) for d, one in (("permit", "N"), ("deny", "ETHUD"), ("deny", "HIV"))),
        ),
        (
            "an array of security labels",
            array,
            tuple(Ask(d, org, labels=(one,), at=at) for d, one in (("permit", "N"), ("deny", "R"), ("deny", "V"))),
        ),
        (
            "security label and content class",
            permits({**restricted, **medication, **named}),
            (Ask("permit", org, labels=("N",), at=at),),
        ),
        (
            "content class and security label, another class asked",
            permits({**medication, **named}, {**restricted, **named}),
            (Ask("permit", org, labels=("N",), at=at), Ask("deny", org, labels=("R",), at=at)),
        ),
        ("content class", permits({**medication, **named}), (Ask("permit", org, at=at, what="of another class"),)),
        ("clinical code", permits({**loinc, **named}), (Ask("permit", org, at=at, what="without the code"),)),
        ("an array, a denied purpose", array, (Ask("deny", org, "HMARKT", at=at),)),
        ("enforcement: permitted", optin, (Ask("permit", other, at=at),)),
        ("enforcement: denied", optin, (Ask("deny", org, at=at),)),
        ("enforcement: a label to redact", permits({**restricted, **named}), (Ask("deny", org, labels=("R",), at=at),)),
        ("inactive", permits(named, status="inactive"), (Ask("silence", other, at=at, alone=True),)),
        ("another scope", permits(named, scope="research", **over), (Ask("silence", other, at=at, alone=True),)),
    ]
    why = {"clinical code": "a code of a record cannot be compared here, and what cannot be compared widens a denial"}
    for version, (name, (base, denials, changes), asks) in product(("r4", "r5"), cases):
        consent = _leap_consent(version, base, denials, **changes)
        yield from (Published("LEAP", name, (consent,), ask, version, why.get(name, "")) for ask in asks)
    root = codings(codes.ACT_REASON, "TREAT", "ETREAT")
    for version, consent in (
        ("r4", _leap_consent("r4", "permit", (), purpose=root)),
        ("r5", _leap_consent("r5", "deny", ({"purpose": root},))),
    ):
        yield Published(
            "LEAP", "purpose in the root, another asked", (consent,), Ask("silence", org, "HMARKT", at=at, alone=True), version
        )
        yield Published("LEAP", "purpose in the root, that asked", (consent,), Ask("permit", THERAPIST, "TREAT", at=at), version)
        out = _leap_consent(version, "deny", (named,) if version == "r4" else ())
        for place in ("hook", "XACML"):
            yield Published("LEAP", f"optout, by {place}", (out,), Ask("deny", other, at=at), version)
            yield Published("LEAP", f"no consent, by {place}", (), Ask("silence", other, at=at, alone=True), version)


def _leap_consent(
    version: str, base: str, nested: tuple[dict[str, Any], ...], *, scope: str = "patient-privacy", **changes: Any
) -> dict[str, Any]:
    period = changes.pop("period", {"start": "2019-11-01", "end": "2029-01-01"})
    status = changes.pop("status", "active")
    if version == "r5":
        return {"status": status, "date": "2019-11-01", "decision": base, "period": period, "provision": list(nested)}
    typed = [{"type": "deny", **n} for n in nested]
    root = {"type": base, "period": period, **changes, **({"provision": typed} if typed else {})}
    rule = {"coding": codings(codes.ACT_CODE, "hipaa-self-pay")}
    return {"status": status, "scope": scope, "dateTime": "2019-11-01", "policyRule": rule, "provision": root}


VOTES: dict[str, dict[str, Any]] = {
    "AUTHORIZED": {"policyRule": {"coding": codings(codes.ACT_CODE, "OPTIN")}, "scope": "treatment"},
    "REJECT": {"policyRule": {"coding": codings(codes.ACT_CODE, "OPTOUT")}},
    "PROCEED": {"policy": [{"uri": codes.POLICY_URI}]},
}
ORDERLESS = "the order in which consents are heard never decides here: a denial outweighs"
CLOSED = "where nobody objects and nobody permits, HAPI goes on; here what no consent permits stays closed"


def _hapi() -> Iterator[Published]:
    decision: dict[str, str] = {"AUTHORIZED": "permit", "REJECT": "deny", "PROCEED": "permit"}
    for count in (2, 3):
        for votes in product(VOTES, repeat=count):
            strongest = next(v for v in ("REJECT", "AUTHORIZED", "PROCEED") if v in votes)
            first = next((v for v in votes if v != "PROCEED"), "PROCEED")
            for way, won in (("parallel", strongest), ("serial", first)):
                silent = won == "PROCEED"
                why = CLOSED if silent else ORDERLESS if won != strongest else ""
                ask = Ask(decision[won], alone=True)
                yield Published("HAPI", f"{way}: {' '.join(votes)}", tuple(VOTES[v] for v in votes), ask, why=why)
    for name, votes, expected in (
        ("interceptor: the first service rejects", ("REJECT", "PROCEED"), "deny"),
        ("interceptor: the first service authorizes", ("AUTHORIZED", "PROCEED"), "permit"),
        ("interceptor: the second service rejects", ("PROCEED", "REJECT"), "deny"),
        ("interceptor: a rejected document", ("REJECT",), "deny"),
        ("interceptor: an authorized document", ("AUTHORIZED",), "permit"),
        ("rule filter: a rule that denies", ("REJECT",), "deny"),
    ):
        yield Published("HAPI", name, tuple(VOTES[v] for v in votes), Ask(expected, alone=True))


CASES: tuple[Published, ...] = (*_ihe(), *_leap(), *_hapi())
