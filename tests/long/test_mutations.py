"""Mutation tests: every mutant of the decision engine, and of what decides who asks and what opens, against the tests that are to
notice it; at least nine in ten must be. Those that survive are printed; `survivors.md` says why.
"""

from pathlib import Path
from typing import Final

import pytest

from tests.support.mutation_run import ROOT, Found, Subject, run
from tests.support.postgres import Postgres

DOMAIN: Final = Path("services/audit_log/decision/domain")
REVIEW: Final = Path("services/audit_log/officers")
NOTICED: Final = 0.9
SHARED: Final = "services,shared,infra,tests"

DECISION: Final = Subject(
    modules=[
        *(DOMAIN / f"{name}.py" for name in ("decision", "policy", "release", "grants")),
        # citations and their texts decide nothing
        *(p.relative_to(ROOT) for p in sorted((ROOT / DOMAIN / "rules").glob("*.py")) if p.stem not in ("__init__", "rule")),
    ],
    tests=[
        *(f"tests/unit/audit_log/test_rules_of_{what}.py" for what in ("law", "consent", "roles")),
        "tests/unit/audit_log/test_grounds_and_edges.py",
        *(
            f"tests/unit/audit_log/{what}"
            for what in (
                "law",
                "test_refusals.py",
                "test_engine_parts.py",
                "test_index_and_walk.py",
                "test_moments.py",
                "test_who_may_what.py",
            )
        ),
    ],
)


def part(folder: str, modules: str, *tests: str) -> Subject:
    # without the fixtures of the whole run a fork starts in half the time
    alone = ["--noconftest"] if all(t.startswith("unit/") for t in tests) else []
    return Subject([Path(folder) / f"{name}.py" for name in modules.split()], [*alone, *(f"tests/{t}.py" for t in tests)], SHARED)


IDENTITY: Final = [
    part("shared/identity", "tokens", "unit/identity/test_tokens", "unit/identity/test_claims"),
    part("shared/identity", "oidc", "unit/identity/test_issuer_keys"),
    part("shared/identity", "scopes", "unit/identity/test_scopes"),
    part("shared/identity", "roles principal", "unit/identity/test_roles"),
    part(
        "shared/identity",
        "assertions signatures service_keys",
        "unit/identity/test_service_assertions",
        "unit/identity/test_assertion_bounds",
    ),
    part("shared/identity", "development", "unit/identity/test_development", "unit/identity/test_tokens"),
]
SEALING: Final = [
    part("shared/sealing", "cobblestone padding context errors", "unit/sealing/test_cobblestone", "unit/sealing/test_padding",
         "unit/sealing/test_context", "unit/sealing/test_known_answers"),
    part("shared/sealing", "event field state", "unit/sealing/test_fields_in_detail", "unit/sealing/test_sealed_events",
         "unit/sealing/test_closed_state",
         "unit/sealing/test_upcasters"),
    part("shared/sealing", "downtime", "unit/sealing/test_downtime", "unit/sealing/test_fields_in_detail"),
]  # fmt: skip
GATE: Final = [
    part("shared/gate", "ask port", "unit/gate/test_ask"),
    part("shared/gate", "client", "unit/gate/test_client"),
    part("shared/gate", "pinned", "unit/gate/test_pinned"),
]
HTTP: Final = [
    part("shared/http", "cursor", "unit/http/test_cursor", "unit/http/test_limits"),
    part("shared/http", "page_session call problems addresses", "unit/http/test_page_session", "unit/http/test_call",
         "unit/http/test_problems"),
    part("shared/http", "idempotency", "integration/http/test_idempotency_records"),
    part("shared/http", "app middleware lane body", "unit/http/test_app", "unit/http/test_body"),
    part("shared/http", "fhir", "unit/http/test_fhir"),
]  # fmt: skip
SIGN_IN: Final = [
    part(f"{REVIEW}/domain", "attempt way_back refusals", "unit/audit_log/review/test_attempts"),
    part(f"{REVIEW}/application", "attempts provider", "unit/audit_log/review/test_attempts",
         "integration/gate/test_review_by_provider"),
    part(f"{REVIEW}/adapters", "identity_provider", "integration/gate/test_review_by_provider"),
    part(f"{REVIEW}/api", "session signing_in provider_sign_in", "integration/gate/test_review_sign_in",
         "integration/gate/test_review_by_provider"),
]  # fmt: skip


def check(found: Found) -> None:
    print(f"\n{found.mutants} mutants, {found.noticed:.1%} noticed; not noticed:", *found.surviving, sep="\n  ")
    assert found.noticed >= NOTICED


@pytest.mark.long
@pytest.mark.parametrize(
    "subjects",
    [
        pytest.param([DECISION], id="decision"),
        pytest.param(IDENTITY, id="identity"),
        pytest.param(SEALING, id="sealing"),
        pytest.param(GATE, id="gate"),
        pytest.param(HTTP, id="http"),
        pytest.param(SIGN_IN, id="sign-in"),
    ],
)
def test_nine_in_ten_mutants_are_noticed(
    subjects: list[Subject], postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres.admin_dsn)  # one server for every fork
    check(run(subjects, tmp_path))
