"""Below `/fhir` every error is an OperationOutcome, and every GET of every service answers HEAD: generated from OpenAPI."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from shared.contracts.records import ServiceName
from tests.e2e.rest import Answer, Person, Rest
from tests.e2e.surface import Clinic

FHIR_JSON = "application/fhir+json"
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NOBODY = (
    "/fhir",
    "/fhir/",
    "/fhir/R4",
    "/fhir/R4/",
    "/fhir/R4/Nonsense",
    "/fhir/R4/Patient/1",
    "/fhir/R5/Consent",
    "/fhir/R4/Consent/1/2/3",
)
"""paths that nothing answers"""
STREAMS = ("/review/",)


@pytest.fixture
async def there(clinic: Rest) -> Clinic:
    return await Clinic(clinic).admit()


async def templates(person: Person) -> list[tuple[str, frozenset[str]]]:
    """Every documented path with its methods."""
    found = []
    for service in ServiceName:
        document = (await person.get(f"/openapi/{service}.json")).json
        found += [(path, frozenset(v.upper() for v in operations)) for path, operations in document["paths"].items()]
    return found


def filled(template: str, client_id: str) -> str:
    parts = [(client_id if "client" in p else str(uuid4())) if p.startswith("{") else p for p in template.split("/")]
    return "/".join(parts)


def outcome(answer: Answer, what: str) -> None:
    assert answer.headers.get("Content-Type") == FHIR_JSON, (what, answer.status, answer.headers)
    assert answer.json["resourceType"] == "OperationOutcome" and answer.json["issue"], what
    assert answer.headers["X-Request-Id"], what


async def test_every_error_below_fhir_is_an_operation_outcome(there: Clinic, clinic: Rest) -> None:
    nobody = Person(clinic, "nobody", "no-token")
    fhir = [(p, methods) for p, methods in await templates(there.intake) if p.startswith("/fhir/")]
    assert len(fhir) >= 8
    seen: set[int] = set()

    def check(answer: Answer, what: str) -> None:
        if answer.status >= 400:
            seen.add(answer.status)
            outcome(answer, what)

    for template, methods in fhir:
        path = filled(template, there.client_id)
        for verb in VERBS:
            what = f"{verb} {template}"
            answer = await there.intake.call(verb, path, {} if verb in ("POST", "PUT", "PATCH") else None)
            if verb not in methods and not template.endswith("_search"):  # which has the shape of an id
                assert answer.status == 405, (what, answer.status)
                allowed = set(answer.headers["Allow"].split(", "))
                assert methods <= allowed and ("HEAD" in allowed) == ("GET" in methods), (what, allowed)
            check(answer, what)
            check(await nobody.call(verb, path), what)
        for kind, body in (("text/plain", b"x"), (FHIR_JSON, b"{"), (FHIR_JSON, b"x" * 800_000)):
            for verb in methods & {"POST", "PUT"}:
                check(await there.intake.call(verb, path, body, Content_Type=kind, If_Match="*"), f"{verb} {template} {kind}")
    for path in NOBODY:
        for verb in VERBS:
            answer = await there.intake.call(verb, path)
            assert answer.status in (404, 405), (verb, path, answer.status)
            check(answer, f"{verb} {path}")
    assert seen >= {400, 401, 403, 404, 405, 413, 415, 428}, seen


def gets(paths: list[tuple[str, frozenset[str]]]) -> Iterator[str]:
    return (path for path, methods in paths if "GET" in methods and not path.startswith(STREAMS))


async def test_every_get_answers_head(there: Clinic) -> None:
    people = (there.intake, there.officer, there.client)
    good = 0
    for template in gets(await templates(there.intake)):
        path = filled(template, there.client_id)
        query = f"?client_id={there.client_id}"
        for person in people:
            for address in (path, path + query):
                shown = await person.call("GET", address)
                head = await person.call("HEAD", address)
                assert (head.status, head.text) == (shown.status, ""), (address, shown.status, head.status)
                assert head.headers.get("Content-Type") == shown.headers.get("Content-Type"), address
                good += shown.status == 200
    assert good > 20, good
