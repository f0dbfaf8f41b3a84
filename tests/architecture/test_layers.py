"""The house rules that imports can show: `shared` knows no service, no service knows another, domains do no I/O."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = sorted(p.name for p in (ROOT / "services").iterdir() if (p / "bootstrap.py").exists() or (p / "domain").is_dir())
IO = {
    "asyncpg",
    "sqlalchemy",
    "aiokafka",
    "aiohttp",
    "fastapi",
    "starlette",
    "uvicorn",
    "hvac",
    "asyncio",
    "socket",
    "os",
    "time",
}
PURE_SHARED = (
    "shared.base64url",
    "shared.contracts",
    "shared.entry",
    "shared.sealing",
    "shared.identity.roles",
    "shared.identity.principal",
    "shared.values",
)


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute, path = import"
            module = node.module or ""
            package = (ROOT / module.replace(".", "/")).is_dir()
            found |= {f"{module}.{a.name}" for a in node.names} if package else {module}
    return found


def sources(folder: str) -> list[Path]:
    return [p for p in (ROOT / folder).rglob("*.py") if "__pycache__" not in p.parts]


@pytest.mark.parametrize("file", sources("shared"), ids=lambda p: str(p.relative_to(ROOT)))
def test_shared_knows_no_service(file: Path) -> None:
    assert not {i for i in imports(file) if i.split(".")[0] in ("services", "infra", "tests")}


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_imports_another(service: str) -> None:
    for file in sources(f"services/{service}"):
        foreign = {i for i in imports(file) if i.startswith("services.") and not i.startswith(f"services.{service}")}
        assert not foreign, file
        assert not {i for i in imports(file) if i.split(".")[0] in ("infra", "tests")}, file


@pytest.mark.parametrize("service", SERVICES)
def test_domains_do_no_io(service: str) -> None:
    for file in sources(f"services/{service}/domain"):
        for name in imports(file):
            assert name.split(".")[0] not in IO, (file, name)
            if name.startswith("shared."):
                assert name.startswith(PURE_SHARED), (file, name)
            if name.startswith("services."):
                assert name.startswith(f"services.{service}.") and ".domain." in name, (file, name)


def test_the_rooms_of_capabilities_beside_a_services_own() -> None:
    """In a service that is not split: a capability's domain is pure, its application imports no adapter and no API."""
    inner = [p for s in SERVICES if s not in CAPABILITIES for p in sources(f"services/{s}") if len(p.relative_to(ROOT).parts) > 4]
    assert inner
    for file in inner:
        room = file.relative_to(ROOT).parts[3]
        for name in imports(file):
            if room == "domain":
                assert name.split(".")[0] not in IO and (not name.startswith("services.") or ".domain." in name), (file, name)
                assert not name.startswith("shared.") or name.startswith(PURE_SHARED), (file, name)
            if room == "application" and name.startswith("services."):
                assert ".adapters." not in name and ".api." not in name, (file, name)


@pytest.mark.parametrize("service", SERVICES)
def test_application_imports_no_adapter_and_no_api(service: str) -> None:
    for file in sources(f"services/{service}"):
        if "application" in file.relative_to(ROOT).parts:
            wrong = {i for i in imports(file) if i.startswith("services.") and (".adapters." in i or ".api." in i)}
            assert not wrong, (file, wrong)


ROOMS = ("domain", "application", "adapters", "api")

CAPABILITIES: dict[str, dict[str, tuple[str, ...]]] = {
    "alliance_measurement": {
        "desk": (),
        "instruments": ("desk",),
        "release": ("desk",),
        "risk": ("desk", "instruments"),
        "administrations": ("desk", "instruments", "risk"),
        "answering": ("desk", "instruments", "release", "risk", "administrations"),
        "courses": ("desk", "instruments", "administrations"),
        "outcomes": ("desk", "instruments"),
        "fhir": ("desk", "instruments"),
        "export": ("desk", "instruments", "release", "risk", "administrations", "courses", "outcomes"),
    },
    "session_notes": {
        "desk": (),
        "prompts": ("desk",),
        "sessions": ("desk", "prompts"),
        "clients": ("desk", "sessions"),
        "notes": ("desk",),
        "downtime": ("desk", "notes"),
        "course": ("desk",),
        "moments": ("desk", "course"),
        "plans": ("desk", "course"),
        "boundaries": ("desk", "course"),
        "concerns": ("desk", "course"),
        "risk": ("desk", "course"),
        "working_day": ("desk", "prompts", "sessions", "clients", "notes", "course"),
        "export": ("desk", "sessions", "clients", "notes"),
    },
    "audit_log": {
        "ledger": (),
        "keyring": ("ledger",),
        "practice": ("ledger",),
        "decision": ("ledger", "practice"),
        "gate": ("ledger", "practice", "decision"),
        "break_glass": ("ledger", "practice", "decision", "gate"),
        "open_notes": ("ledger", "decision"),
        "erasure": ("ledger", "practice", "decision"),
        "assurance": ("ledger", "decision", "gate"),
        "downtime": ("ledger", "keyring", "decision", "gate"),
        "reports": ("ledger", "decision"),
        "accounting": ("ledger", "practice", "reports"),
        "balp": ("ledger",),
        "routes_out": ("ledger", "reports"),
        "officers": ("ledger", "practice", "decision", "break_glass", "erasure", "reports", "accounting"),
    },
}
"""service → capability → the capabilities that it may import. Each may import only what stands above it: no circle."""


@pytest.mark.parametrize("service", CAPABILITIES)
def test_capabilities_form_a_graph_without_circles(service: str) -> None:
    above: list[str] = []
    for capability, may_import in CAPABILITIES[service].items():
        assert set(may_import) <= set(above), capability
        above.append(capability)
    folders = {p.name for p in (ROOT / "services" / service).iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set(above), "each folder of this service is a capability of the list"


@pytest.mark.parametrize(
    "part",
    [ROOT / "services" / s / c for s, each in CAPABILITIES.items() for c in each],
    ids=lambda p: f"{p.parent.name}.{p.name}",
)
def test_a_capability_imports_only_what_it_may(part: Path) -> None:
    """Its domain is pure. Its application imports no adapter and no API, of whatever capability."""
    service = f"services.{part.parent.name}"
    allowed = tuple(f"{service}.{c}." for c in (part.name, *CAPABILITIES[part.parent.name][part.name]))
    for file in sources(str(part.relative_to(ROOT))):
        room = file.relative_to(part).parts[0]
        for imported in imports(file):
            if imported.startswith("services."):
                built = room in ("build.py", "api") and imported.startswith(f"{service}.settings")
                assert imported.startswith(allowed) or built, (file, imported)
                if room == "domain":
                    assert ".domain." in imported, (file, imported)
                if room == "application":
                    assert ".adapters." not in imported and ".api." not in imported, (file, imported)
            elif room == "domain":
                assert imported.split(".")[0] not in IO, (file, imported)
                assert not imported.startswith("shared.") or imported.startswith(PURE_SHARED), (file, imported)


@pytest.mark.parametrize("folder", ["services", "shared", "infra"])
def test_inits_are_empty_and_modules_small(folder: str) -> None:
    for file in sources(folder):
        lines = file.read_text().splitlines()
        if file.name == "__init__.py":
            assert not lines, file
        assert len(lines) <= 400, f"{file}: {len(lines)} lines, is there a second reason living in it?"


@pytest.mark.parametrize("folder", ["services", "shared"])
def test_nothing_reads_the_clock_or_the_environment_on_its_own(folder: str) -> None:
    """Clock, ids and randomness are handed in; only the clock module, runners and settings touch the real ones."""
    allowed = {"shared/service/clock.py", "shared/service/run.py"}
    for file in sources(folder):
        name = str(file.relative_to(ROOT))
        if name in allowed or file.name in ("settings.py", "kafka_settings.py", "__main__.py"):
            continue
        text = file.read_text()
        for forbidden in ("datetime.now(", "uuid4(", "os.urandom(", "time.time(", "os.environ"):
            assert forbidden not in text, (name, forbidden)


@pytest.mark.parametrize("folder", ["shared", "services", "infra"])
def test_nothing_waits_in_a_way_that_forgets_to_stop(folder: str) -> None:
    """Python 3.11's `asyncio.wait_for` forgets a cancellation that comes as its awaitable is done; `asyncio.timeout` does not."""
    for file in sources(folder):
        calls = [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Attribute) and n.attr == "wait_for"]
        assert not calls, file


SHARED_ORDER = (
    "base64url",
    "one_at_a_time",
    "values",
    "entry",
    "sealing",
    "contracts",
    "eventstore",
    "identity",
    "http",
    "messaging",
    "gate",
    "export",
    "service",
)
"""The parts of `shared`. Each may import only what stands before it."""


@pytest.mark.parametrize("file", sources("shared"), ids=lambda p: str(p.relative_to(ROOT)))
def test_shared_has_one_order(file: Path) -> None:
    part = file.relative_to(ROOT / "shared").parts[0].removesuffix(".py")
    if part == "__init__":
        return
    below = {*SHARED_ORDER[: SHARED_ORDER.index(part)], part}
    used = {i.split(".")[1] for i in imports(file) if i.startswith("shared.")}
    assert used <= below, (file, used - below)
