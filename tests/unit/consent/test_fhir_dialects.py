"""Dialects, profiles, and what cannot be compared here."""

from typing import Any
from uuid import UUID

import pytest

from services.consent.domain.errors import InvalidForm
from services.consent.domain.fhir import codes
from services.consent.domain.fhir.criteria import Home
from services.consent.domain.fhir.reading import Imported, read_consent
from services.consent.domain.fhir.resource import as_end, as_start, is_date_time, parse_json
from services.consent.domain.policies import GivenProvision
from shared.contracts.consent_policy import ConsentKind
from tests.unit.audit_log.asking import CLIENT

HOME = Home("riverside")
R4 = {
    "resourceType": "Consent",
    "status": "active",
    "scope": {"coding": [{"system": codes.SCOPE, "code": "patient-privacy"}]},
    "category": [{"coding": [{"system": codes.LOINC, "code": "59284-0"}]}],
    "patient": {"reference": f"Patient/{CLIENT}"},
    "dateTime": "2026-01-05",
    "policyRule": {"coding": [{"system": codes.ACT_CODE, "code": "OPTIN"}]},
}
PCF = {
    **{k: v for k, v in R4.items() if k != "policyRule"},
    "meta": {"profile": [codes.PCF_BASIC]},
    "performer": [{"reference": f"Patient/{CLIENT}"}],
    "organization": [{"reference": "Organization/elsewhere"}],
    "sourceReference": {"reference": "DocumentReference/signed"},
    "policy": [{"uri": "https://example.org/policy"}],
}


def purpose(*wanted: str) -> list[dict[str, str]]:
    return [{"system": codes.ACT_REASON, "code": c} for c in wanted]


def actor(role: str, reference: str) -> dict[str, Any]:
    return {"role": {"coding": [{"system": codes.PARTICIPATION, "code": role}]}, "reference": {"reference": reference}}


def read(resource: dict[str, Any], provision: Any = None, **changes: Any) -> Imported:
    return read_consent({**resource, **({"provision": provision} if provision else {}), **changes}, HOME)


def test_pcf_root_frames_the_consent() -> None:
    found = read(PCF, {"type": "permit", "purpose": purpose("TREAT", "HOPERAT")})
    assert (found.dialect, found.form.policy.base) == ("pcf", "silent")
    assert found.form.policy.provisions == (GivenProvision(type="permit", purposes=("TREAT", "HOPERAT")),)
    bare = read(PCF, {"type": "permit"}).form.policy
    assert (bare.base, bare.provisions) == ("permit", ())
    dissent = read(PCF, {"type": "deny"}).form.policy
    assert (dissent.base, dissent.provisions) == ("deny", ())


def test_pcf_exceptions_are_provisions() -> None:
    label = [{"system": codes.ACT_CODE, "code": "PSY"}]
    found = read(
        PCF, {"type": "permit", "provision": [{"type": "deny", "securityLabel": label}]}, meta={"profile": [codes.PCF_ADVANCED]}
    )
    assert found.form.policy.base == "permit"
    assert found.form.policy.provisions == (GivenProvision(type="deny", labels=("PSY",)),)


@pytest.mark.parametrize(
    ("profile", "provision", "changes", "path"),
    [
        (codes.PCF_BASIC, {"purpose": purpose("TREAT")}, {}, "Consent.provision.type"),
        (
            codes.PCF_INTERMEDIATE,
            {"type": "permit", "securityLabel": [{"system": codes.ACT_CODE, "code": "PSY"}]},
            {},
            "Consent.provision.securityLabel",
        ),
        (
            codes.PCF_ADVANCED,
            {"type": "permit", "provision": [{"type": "deny", "provision": [{"type": "permit"}]}]},
            {},
            "Consent.provision.provision[0].provision",
        ),
        (codes.PCF_ADVANCED, {"type": "permit", "actor": [actor("PRCP", "Practitioner/x")]}, {}, "Consent.provision.actor"),
        (codes.PCF_BASIC, {"type": "permit"}, {"performer": []}, "Consent.performer"),
        (codes.PCF_BASIC, {"type": "permit"}, {"policyRule": R4["policyRule"]}, "Consent.policyRule"),
        (codes.PCF_BASIC, {"type": "permit"}, {"policy": [{"authority": "https://example.org"}]}, "Consent.policy"),
    ],
)
def test_what_a_pcf_profile_does_not_allow_is_refused(
    profile: str, provision: dict[str, Any], changes: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidForm) as refused:
        read(PCF, provision, meta={"profile": [profile]}, **changes)
    assert path in [f.pointer for f in refused.value.faults]


def test_r5_levels_negate() -> None:
    resource = {
        "resourceType": "Consent",
        "status": "active",
        "subject": {"reference": f"Patient/{CLIENT}"},
        "date": "2026-01-05",
        "period": {"start": "2026-01-01", "end": "2026-12-31"},
        "decision": "deny",
        "provision": [
            {
                "actor": [actor("IRCP", "Practitioner/t-okafor")],
                "resourceType": [{"system": codes.RESOURCE_TYPES, "code": "DocumentReference"}],
                "provision": [{"securityLabel": [{"system": codes.ACT_CODE, "code": "PSY"}]}],
            },
            {"purpose": purpose("HRESCH"), "expression": {"language": "text/cql", "expression": "true"}},
        ],
    }
    found = read_consent(resource, HOME, "r5")
    assert (found.dialect, found.form.policy.base, found.form.period.end) == ("r5", "deny", "2026-12-31")
    assert found.form.policy.provisions == (
        GivenProvision(
            type="permit",
            actors=("t-okafor",),
            resource_types=("DocumentReference",),
            provisions=(GivenProvision(type="deny", labels=("PSY",)),),
        ),
    )
    assert [path for path, _ in found.warnings][:2] == ["Consent.decision", "Consent.provision[1].code"]
    assert [r.pointer for r in found.form.read_strictly] == ["Consent.provision[1].code"]


def test_what_cannot_be_compared_widens_a_denial_and_empties_a_permit() -> None:
    unknown = {"purpose": purpose("TREAT"), "code": [{"coding": [{"system": codes.LOINC, "code": "1-1"}]}]}
    denied = read(R4, {"provision": [{"type": "deny", **unknown}]}).form.policy
    assert denied.provisions == (GivenProvision(type="deny", purposes=("TREAT",)),)
    out = {"coding": [{"system": codes.ACT_CODE, "code": "OPTOUT"}]}
    permitted = read(R4, {"provision": [{"type": "permit", **unknown}]}, policyRule=out).form.policy
    assert permitted.provisions == ()
    kept = read(R4, {"provision": [{"type": "permit", **unknown, "provision": [{"type": "deny"}]}]}, policyRule=out).form.policy
    assert kept.provisions == (GivenProvision(type="deny"),)


def test_one_record_is_denied_with_its_type_and_never_permitted_with_it() -> None:
    one = {"data": [{"meaning": "instance", "reference": {"reference": "DocumentReference/one"}}]}
    assert read(R4, {"provision": [{"type": "deny", **one}]}).form.policy.provisions == (
        GivenProvision(type="deny", resource_types=("DocumentReference",)),
    )
    out = {"coding": [{"system": codes.ACT_CODE, "code": "OPTOUT"}]}
    assert read(R4, {"provision": [{"type": "permit", **one}]}, policyRule=out).form.policy.provisions == ()


def test_a_frame_under_optin_with_denials() -> None:
    found = read(R4, {"purpose": purpose("TREAT"), "provision": [{"type": "deny", "actor": [actor("IRCP", "Practitioner/x")]}]})
    assert found.form.policy.base == "silent"
    assert found.form.policy.provisions == (
        GivenProvision(type="permit", purposes=("TREAT",), provisions=(GivenProvision(type="deny", actors=("x",)),)),
    )


def test_a_frame_under_optin_with_permissions() -> None:
    nested = [{"type": "permit", "actor": [actor("IRCP", "Practitioner/x")]}]
    found = read(R4, {"purpose": purpose("TREAT"), "provision": nested})
    assert found.form.policy.base == "silent"
    assert found.form.policy.provisions == (GivenProvision(type="permit", actors=("x",), purposes=("TREAT",)),)
    contrary = [{"type": "permit", "purpose": purpose("HRESCH")}]
    assert read(R4, {"purpose": purpose("TREAT"), "provision": contrary}).form.policy.provisions == ()


@pytest.mark.parametrize(
    ("scope", "category", "kind"),
    [
        ("patient-privacy", (codes.LOINC, "59284-0"), ConsentKind.DISCLOSURE),
        ("patient-privacy", (codes.ACT_CODE, "HIPAAPsyNotes"), ConsentKind.PSYCHOTHERAPY_NOTES),
        ("patient-privacy", (codes.ACT_CODE, "42CFRPart2"), ConsentKind.PART2_TPO),
        ("patient-privacy", (codes.ACT_CODE, "42CFRPart2CD"), ConsentKind.PART2_TPO),
        ("treatment", (codes.LOINC, "59284-0"), ConsentKind.TREATMENT),
        ("research", (codes.ACT_CODE, "INFA"), ConsentKind.RESEARCH),
        ("treatment", (codes.KIND, "telehealth"), ConsentKind.TELEHEALTH),
    ],
)
def test_the_kind_by_category_then_scope(scope: str, category: tuple[str, str], kind: ConsentKind) -> None:
    coded = {"coding": [{"system": category[0], "code": category[1]}]}
    found = read(R4, scope={"coding": [{"system": codes.SCOPE, "code": scope}]}, category=[coded])
    assert found.form.kind is kind


def test_what_stands_where_a_code_belongs_is_found_by_it_only_where_it_is_one() -> None:
    """The codes that a search goes by stand in the clear: nobody's words may come there."""
    words = [
        {**({"system": system} if system else {}), "code": "hears voices at night since the divorce"}
        for system in ("", codes.LOINC, codes.ACT_CODE, codes.SCOPE, codes.KIND, "urn:elsewhere")
    ]
    words += [{"system": "urn:elsewhere", "code": "divorce"}, {"system": codes.ACT_CODE, "code": "divorce"}]
    category = [{"coding": [*words, {"system": codes.LOINC, "code": "59284-0"}, {"system": codes.LOINC, "code": "57016-8"}]}]
    found = read(R4, scope={"coding": [*words, {"system": codes.SCOPE, "code": "treatment"}]}, category=category)
    assert found.scope == (f"{codes.SCOPE}|treatment",)
    assert found.categories == (f"{codes.LOINC}|59284-0", f"{codes.LOINC}|57016-8")


def test_several_kinds_or_none_are_refused() -> None:
    both = [{"coding": [{"system": codes.ACT_CODE, "code": c} for c in ("HIPAAPsyNotes", "42CFRPart2")]}]
    for changes in ({"category": both}, {"scope": {"coding": [{"system": codes.SCOPE, "code": "adr"}]}}):
        with pytest.raises(InvalidForm):
            read(R4, **changes)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", "2024-01-01", "2024-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026-03-02", "2026-03-02", "2026-03-02"),
        ("2026-03-02T10:00:00.123456789Z", "2026-03-02T10:00:00.123456Z", "2026-03-02T10:00:00.123456Z"),
    ],
)
def test_partial_dates_are_whole_spans(text: str, start: str, end: str) -> None:
    assert is_date_time(text) and (as_start(text), as_end(text)) == (start, end)


@pytest.mark.parametrize("text", ["2026-02-30", "2026-13", "0000", "2026-03-02T10:00", "2026-03-02T10:00:00", "soon", ""])
def test_what_is_no_date_time(text: str) -> None:
    assert not is_date_time(text)


@pytest.mark.parametrize("text", ["{", "NaN", '{"a":Infinity}', "[" * 61 + "]" * 61, "[" * 100_000])
def test_what_is_no_json_here(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


UNKNOWN: list[dict[str, Any]] = [
    {"securityLabel": [{"system": codes.ACT_CODE, "code": "eth"}]},
    {"securityLabel": [{"system": "urn:example:labels", "code": "PSY"}]},
    {"class": [{"system": codes.RESOURCE_TYPES, "code": "ProgressNote"}]},
    {"purpose": purpose("treat")},
    {"action": [{"coding": [{"system": codes.ACTION, "code": "READ"}]}]},
]


@pytest.mark.parametrize("unknown", UNKNOWN, ids=str)
def test_an_unknown_code_denies_any_value_and_permits_none(unknown: dict[str, Any]) -> None:
    """FHIR's lists are extensible: the code is kept with the source, and the answer warns."""
    (element,) = unknown
    denied = read(R4, {"provision": [{"type": "deny", "actor": [actor("IRCP", "Practitioner/x")], **unknown}]})
    assert denied.form.policy.provisions == (GivenProvision(type="deny", actors=("x",)),)
    assert f"Consent.provision.provision[0].{element}" in [path for path, _ in denied.warnings]
    out = {"coding": [{"system": codes.ACT_CODE, "code": "OPTOUT"}]}
    permitted = read(R4, {"provision": [{"type": "permit", **unknown}]}, policyRule=out)
    assert permitted.form.policy.provisions == ()
    assert permitted.warnings


def test_a_type_that_is_not_kept_here_denies_nothing_else() -> None:
    medication = {"class": [{"system": codes.RESOURCE_TYPES, "code": "MedicationRequest"}]}
    policy = read(R4, {"provision": [{"type": "deny", **medication}]}).form.policy
    assert policy.provisions == (GivenProvision(type="deny", resource_types=("MedicationRequest",)),)
    assert policy.faults(ConsentKind.DISCLOSURE) == []


def test_periods_of_other_systems() -> None:
    never = read(R4, {"period": {"start": "2026-01-01", "end": "9999-12-31"}}).form
    assert (never.period.start, never.period.end) == ("2026-01-01", None)
    leap = read(R4, {"period": {"start": "2016-12-31T23:59:60Z"}}).form.period
    assert leap.instants().start.isoformat() == "2017-01-01T00:00:00+00:00"
    early = read(R4, {"period": {"start": "1850-01-01"}}).form.period
    assert [f.pointer for f in early.faults("/period")] == ["/period/start"]


ELSEWHERE = "https://elsewhere.example/fhir/R4"


@pytest.mark.parametrize(
    "base", [ELSEWHERE, "http://riverside.example/fhir/R4", "//riverside.example/fhir/R4", "fhir/R4", "", "urn:x"]
)
def test_who_bears_the_same_id_at_another_server_is_somebody_else(base: str) -> None:
    """Only what is relative, or below this server's own address, is this server's."""
    home = Home("riverside", "https://riverside.example/fhir/R4")

    def read_here(provision: Any = None, **changes: Any) -> Imported:
        return read_consent({**R4, **({"provision": provision} if provision else {}), **changes}, home)

    for own in ("Practitioner/x", f"{home.base}/Practitioner/x", f"{home.base}/Practitioner/x/_history/2"):
        permit = {"provision": [{"type": "deny", "actor": [actor("IRCP", own)]}]}
        assert read_here(permit).form.policy.provisions == (GivenProvision(type="deny", actors=("x",)),)
    theirs = f"{base}/Practitioner/x"
    denied = read_here({"provision": [{"type": "deny", "actor": [actor("IRCP", theirs)]}]})
    assert denied.form.policy.provisions == (GivenProvision(type="deny"),), "nobody knows whom: it denies everybody"
    assert denied.warnings
    opt_out = {"coding": [{"system": codes.ACT_CODE, "code": "OPTOUT"}]}
    permitted = read_here({"provision": [{"type": "permit", "actor": [actor("IRCP", theirs)]}]}, policyRule=opt_out)
    assert not [p for p in permitted.form.policy.every() if p.type == "permit"]
    with pytest.raises(InvalidForm) as refused:
        read_here(patient={"reference": f"{base}/Patient/{CLIENT}"})
    assert [f.pointer for f in refused.value.faults] == ["Consent.patient.reference"]
    assert read_here(patient={"reference": f"{home.base}/Patient/{CLIENT}"}).form.client_id == UUID(CLIENT)
    for practice, everybody in ((f"{base}/Organization/riverside", False), (f"{home.base}/Organization/riverside", True)):
        said = read_here({"provision": [{"type": "permit", "actor": [actor("IRCP", practice)]}]}, policyRule=opt_out)
        assert bool([p for p in said.form.policy.every() if p.type == "permit"]) is everybody, practice
