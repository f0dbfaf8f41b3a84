"""Rules of law that other parts keep: for each, the test that shows it. This one fails where such a test has gone."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[3]

KEPT_BY = {
    "164.501, what a psychotherapy note may not hold": (
        "integration/session_notes/test_bad_input.py",
        "test_rule_164_501_what_psychotherapy_notes_exclude",
    ),
    "164.508(b)(3)(ii), combined with nothing": (
        "integration/consent/test_consents_api.py",
        "test_a_combined_psychotherapy_note_authorization_is_refused",
    ),
    "164.508(c) and 42 CFR 2.31, each element": (
        "integration/consent/test_consents_api.py",
        "test_each_element_dropped_in_turn_never_becomes_active",
    ),
    "164.508(b)(5), the earlier disclosure stays explained": (
        "integration/gate/test_explanations.py",
        "test_a_permit_stays_explained_by_the_consent_it_relied_on_after_revocation",
    ),
    "164.526, never overwritten": (
        "integration/consent/test_people_api.py",
        "test_164_526_the_original_is_never_overwritten",
    ),
    "164.526, statement of disagreement": (
        "integration/consent/test_people_api.py",
        "test_164_526_a_denial_and_a_statement_of_disagreement",
    ),
    "164.528, accounting of disclosures": (
        "integration/audit_log/test_clients_reports.py",
        "test_the_accounting_holds_disclosures_outside_treatment_payment_and_operations",
    ),
    "164.528(a)(2), suspension on an agency's request": (
        "integration/audit_log/test_clients_reports.py",
        "test_164_528_a_2_a_suspension_hides_and_its_end_restores",
    ),
    "164.312(b)-(d), alteration is detected": (
        "integration/audit_log/test_ledger_tampering.py",
        "test_tampering_is_found_and_named",
    ),
    "164.316(b) and 164.530(j), a hold beats retention": (
        "integration/erasures/test_erasures_api.py",
        "test_a_legal_hold_refuses_and_its_end_allows",
    ),
    "42 CFR 2.51, documentation afterwards": (
        "integration/gate/test_reviews.py",
        "test_missing_documentation_is_queued_and_never_in_the_way",
    ),
    "ONC HTI-1, nothing cached outlives a revocation": (
        "unit/audit_log/test_token_caches.py",
        "test_a_revocation_ends_what_is_cached_of_the_client_and_whom_it_names",
    ),
    "ONC HTI-1, access and refreshed tokens": (
        "integration/gate/test_pipeline.py",
        "test_onc_hti_1_an_apps_tokens_open_nothing_after_revocation",
    ),
    "GDPR 7, withdrawal in no more steps than giving": (
        "integration/consent/test_consent_process.py",
        "test_withdrawal_is_as_easy_as_giving",
    ),
    "GDPR 15, the subject's own access log": (
        "integration/audit_log/test_clients_reports.py",
        "test_a_client_reads_who_used_their_record",
    ),
    "GDPR 15 and 20, an archive of the whole record": ("e2e/test_export.py", "test_the_whole_record_in_one_archive"),
    "GDPR 30, the register": (
        "contract/test_register_of_processing.py",
        "test_gdpr_30_the_register_is_generated_from_the_event_types",
    ),
    "164.508(a)(2)(ii), THREAT over the API": (
        "integration/gate/test_grants_releases_receipts.py",
        "test_threat_opens_one_psychotherapy_note_after_a_second_approval",
    ),
    "164.316(b) and 164.530(j), policies outlive an erasure": (
        "integration/consent/test_erasure.py",
        "test_it_acknowledges_once_and_keeps_the_policy",
    ),
    "GDPR 17, bodies unreadable and the chain holds": (
        "integration/erasures/test_erasures_together.py",
        "test_a_restored_backup_brings_no_erased_key_back",
    ),
    "164.502(g), who registers and ends": (
        "integration/consent/test_people_api.py",
        "test_a_representative_from_start_to_end",
    ),
    "164.502(g)(3), the minor's own consent": (
        "integration/consent/test_consent_process.py",
        "test_a_service_that_a_minor_consented_to_alone",
    ),
}


@pytest.mark.parametrize("rule", KEPT_BY)
def test_the_rule_has_its_test(rule: str) -> None:
    file, name = KEPT_BY[rule]
    tree = ast.parse((TESTS / file).read_text())
    assert name in {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
