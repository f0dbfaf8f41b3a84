"""Formats have exactly their sections; 45 CFR 164.501 keeps its list out of psychotherapy notes."""

import pytest

from services.session_notes.desk.domain.refusals import Unfit
from services.session_notes.notes.domain.note_decisions import progress_content, psychotherapy_content
from services.session_notes.notes.domain.sections import EXCLUSIONS, MAX_SECTIONS, MAX_TEXT, SECTIONS, NoteFormat, excluded

EXCLUDED = {
    "medication": ["medication", "medications", "medication_monitoring", "current_medication", "prescription", "prescriptions"],
    "session-times": [
        "session_start", "session_stop", "session_times", "start_time", "end_time", "stop_time", "session_start_time",
        "started_at", "session_end",
    ],
    "modality": ["modality", "modalities", "treatment_modality"],
    "frequency": ["frequency", "session_frequency", "frequency_of_treatment"],
    "test-results": ["test_results", "clinical_tests", "tests", "clinical_test_results"],
    "diagnosis": ["diagnosis", "diagnoses", "diagnosis_summary", "working_diagnosis"],
    "functional-status": ["functional_status", "functional_status_summary"],
    "treatment-plan": ["treatment_plan", "plan", "plan_of_care", "care_plan"],
    "symptoms": ["symptoms", "symptom", "symptoms_summary"],
    "prognosis": ["prognosis"],
    "progress": ["progress", "progress_to_date", "treatment_progress"],
    "risk": ["risk", "risks", "risk_assessment", "suicide_risk"],
    "safety-plan": ["safety_plan", "crisis_plan"],
}  # fmt: skip
ALLOWED = [
    "transference", "countertransference", "process", "hypotheses", "dreams", "associations", "enactment", "silences",
    "supervision_questions", "my_reactions", "rupture_and_repair", "asterisk", "contest", "starting_point", "weekend",
    "boundaries", "what_was_not_said", "explanation", "planning_fantasies", "processing",
]  # fmt: skip


@pytest.mark.parametrize(("rule", "key"), [(rule, key) for rule, keys in EXCLUDED.items() for key in keys])
def test_rule_164_501_excluded_sections_are_refused_each_with_its_pointer(rule: str, key: str) -> None:
    exclusion = excluded(key)
    assert exclusion is not None
    assert exclusion.rule == rule
    with pytest.raises(Unfit) as refusal:
        psychotherapy_content({"process": "p", key: "text"})
    (flaw,) = refusal.value.flaws
    assert flaw.pointer == f"/sections/{key}"
    assert "progress note" in flaw.detail
    assert exclusion.citation in flaw.detail


def test_every_exclusion_has_a_citation_and_a_test() -> None:
    assert {e.rule for e in EXCLUSIONS} == set(EXCLUDED)
    assert all(e.citation for e in EXCLUSIONS)


@pytest.mark.parametrize("key", ALLOWED)
def test_what_belongs_to_a_psychotherapy_note_is_taken(key: str) -> None:
    assert psychotherapy_content({key: "text"}).sections == {key: "text"}


def test_all_flaws_of_a_psychotherapy_note_are_listed() -> None:
    with pytest.raises(Unfit) as refusal:
        psychotherapy_content({"diagnosis": "x", "Risk Level": "x", "process": " ", "dreams": "x" * (MAX_TEXT + 1)})
    pointers = sorted(flaw.pointer for flaw in refusal.value.flaws)
    assert pointers == ["/sections/*", "/sections/diagnosis", "/sections/dreams", "/sections/process"]


@pytest.mark.parametrize("key", ["", "Transference", "a-b", "a__b", "_a", "a_", "1a", "ä", "a" * 65, "a b"])
def test_section_names_are_lower_snake_case_and_never_repeated_when_they_are_not(key: str) -> None:
    with pytest.raises(Unfit) as refusal:
        psychotherapy_content({key: "text"})
    assert [flaw.pointer for flaw in refusal.value.flaws] == ["/sections/*"]


def test_one_to_forty_sections() -> None:
    full = {f"s{n}": "t" for n in range(MAX_SECTIONS)}
    assert len(psychotherapy_content(full).sections) == MAX_SECTIONS
    for sections in ({}, {**full, "one_more": "t"}):
        with pytest.raises(Unfit):
            psychotherapy_content(sections)


@pytest.mark.parametrize("format", NoteFormat)
def test_a_format_has_exactly_its_sections(format: NoteFormat) -> None:
    first, *_ = SECTIONS[format]
    content = progress_content(format, {first: "text"}, ())
    assert tuple(content.sections) == SECTIONS[format]
    with pytest.raises(Unfit) as refusal:
        progress_content(format, {first: "text", "transference": "text"}, ())
    assert [flaw.pointer for flaw in refusal.value.flaws] == ["/sections/transference"]


@pytest.mark.parametrize(
    ("format", "given"),
    [
        (NoteFormat.BIRP, ("behaviour", "interventions", "response", "plan")),
        (NoteFormat.GIRP, ("goal", "intervention", "responses", "plan")),
        (NoteFormat.NARRATIVE, ("opening", "what_was_said")),
    ],
)
def test_a_section_keeps_the_name_that_it_was_given(format: NoteFormat, given: tuple[str, ...]) -> None:
    assert tuple(progress_content(format, dict.fromkeys(given, "text"), ()).sections) == given


@pytest.mark.parametrize(
    ("format", "sections"),
    [
        (NoteFormat.GIRP, {"goals": "text", "goal": "text"}),
        (NoteFormat.SOAP, {"plan": "text", "goal": "text"}),
        (NoteFormat.NARRATIVE, {"text": "text", "Heading": "text"}),
        (NoteFormat.NARRATIVE, {"Heading": "text"}),
    ],
)
def test_other_names_are_refused(format: NoteFormat, sections: dict[str, str]) -> None:
    with pytest.raises(Unfit) as refusal:
        progress_content(format, sections, ())
    assert len(refusal.value.flaws) == 1


def test_formats_by_their_letters() -> None:
    letters = {f: "".join(s[0] for s in SECTIONS[f]).upper() for f in NoteFormat if f is not NoteFormat.NARRATIVE}
    assert letters == {f: f.value for f in letters}


@pytest.mark.parametrize("sections", [{}, {"plan": ""}, {"plan": "  ", "data": "\n"}])
def test_a_draft_says_something(sections: dict[str, str]) -> None:
    with pytest.raises(Unfit) as refusal:
        progress_content(NoteFormat.DAP, sections, ())
    assert [flaw.pointer for flaw in refusal.value.flaws] == ["/sections"]


def test_a_section_has_its_greatest_length() -> None:
    progress_content(NoteFormat.NARRATIVE, {"narrative": "x" * MAX_TEXT}, ())
    with pytest.raises(Unfit):
        progress_content(NoteFormat.NARRATIVE, {"narrative": "x" * (MAX_TEXT + 1)}, ())


@pytest.mark.parametrize("labels", [("PSYTHPN",), ("psy",), ("HIV", "HIV"), ("42CFRPart2",), ("",)])
def test_labels_are_known_sensitivity_codes(labels: tuple[str, ...]) -> None:
    with pytest.raises(Unfit) as refusal:
        progress_content(NoteFormat.NARRATIVE, {"narrative": "x"}, labels)
    assert [flaw.pointer for flaw in refusal.value.flaws] == [f"/labels/{len(labels) - 1}"]
    assert progress_content(NoteFormat.NARRATIVE, {"narrative": "x"}, ("HIV", "HIPAASelfPay")).labels == ("HIV", "HIPAASelfPay")
