"""`make secrets`: a folder a container, each with its own alone; certificates that hold for their hosts."""

import json
import re
import shutil
import stat
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from infra.compose.certificates import Authority
from infra.compose.secrets import DATABASES, HOSTS, IRREPLACEABLE, OWNERS, main, make
from shared.contracts.records import ServiceName
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from shared.service.transport import check_database

TLS = ("cert.pem", "key.pem", "ca.pem", "keystore.pem")
SERVICE = ("seed.hex", "directory.json", "database.json", "kafka.env", *TLS)
EXPECTED = {
    "consent": SERVICE,
    "session-notes": SERVICE,
    "alliance-measurement": SERVICE,
    "audit-log": (*SERVICE, "keyring.json", "log-seed.hex", "sign-in-secret"),
    "ehr-gateway": ("seed.hex", "directory.json", *TLS),
    "postgres": ("password", "role-passwords.json", "provision.env", *TLS),
    "postgres-keyring": ("password", "role-passwords.json", "provision.env", *TLS),
    "migrate": ("owners.json", "ca.pem"),
    "migrate-keyring": ("owners.json", "ca.pem"),
    "kafka": ("broker.env", "admin.env", *TLS),
    "openbao": ("unseal.key", *TLS),
    "nginx": TLS,
    "keycloak": ("keycloak.env", *TLS),
    "kms-setup": ("ca.pem", "keyring.json"),
    "authority": ("ca.pem", "key.pem"),
}
CERTIFIED = {
    **{host: (host, "localhost") for host in HOSTS.values()},
    "postgres": ("postgres", "localhost"),
    "postgres-keyring": ("postgres-keyring", "localhost"),
    "kafka": ("kafka", "localhost"),
    "openbao": ("openbao", "localhost"),
    "nginx": ("nginx", "localhost"),
    "keycloak": ("keycloak", "localhost"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployment") / "secrets"
    make(folder)
    return folder


def test_everything_is_there_and_nothing_else(made: Path) -> None:
    assert {f.name: {p.name for p in f.iterdir()} for f in made.iterdir()} == {k: set(v) for k, v in EXPECTED.items()}


def test_the_host_keeps_others_out(made: Path) -> None:
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def content(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_second_run_changes_nothing(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(made)
    assert main(["secrets", str(made)]) == 0
    assert "nothing is missing" in capsys.readouterr().out
    assert content(made) == before


@pytest.mark.parametrize("lost", ["kms-setup/keyring.json", "keycloak/keycloak.env", "consent/cert.pem", "migrate"])
def test_it_adds_what_an_older_release_lacks_and_overwrites_nothing(tmp_path: Path, lost: str) -> None:
    make(folder := tmp_path / "secrets")
    before = content(folder)
    if (folder / lost).is_dir():
        shutil.rmtree(folder / lost)
    else:
        (folder / lost).unlink()
    kept = content(folder)
    assert main(["secrets"], {"SECRETS": str(folder)}) == 0
    after = content(folder)
    assert after.keys() == before.keys()
    own = (folder / lost).parent if (folder / lost).name == "cert.pem" else None
    assert {p for p in kept if after[p] != kept[p]} == (
        {own / n for n in TLS if n not in ("cert.pem", "ca.pem")} if own else set()
    )


@pytest.mark.parametrize("lost", IRREPLACEABLE)
def test_what_data_depends_on_is_never_made_anew(tmp_path: Path, lost: str, capsys: pytest.CaptureFixture[str]) -> None:
    make(folder := tmp_path / "secrets")
    (folder / lost).unlink()
    before = content(folder)
    assert main(["secrets", str(folder)]) == 1
    assert "Restore it from your copy" in capsys.readouterr().err
    assert content(folder) == before


def test_the_authority_s_key_may_be_kept_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(folder := tmp_path / "secrets")
    key = (folder / "authority/key.pem").rename(tmp_path / "key.pem")
    before = content(folder)
    assert main(["secrets", str(folder)]) == 0
    assert main(["secrets", "--renew", str(folder)]) == 1
    assert "put the authority's key back" in capsys.readouterr().err
    assert content(folder) == before
    key.rename(folder / "authority/key.pem")
    assert main(["secrets", "--renew", str(folder)]) == 0


def test_the_organisation_s_own_authority_signs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder := tmp_path / "secrets").mkdir()
    (folder / "authority").mkdir()
    own = Authority.made()
    own.keep(folder / "authority")
    make(folder)
    assert (folder / "nginx/ca.pem").read_bytes() == own.pem
    verify(folder / "nginx", "nginx")
    Authority.made().keep(tmp_path)
    (folder / "authority/key.pem").write_bytes((tmp_path / "key.pem").read_bytes())
    assert main(["secrets", "--renew", str(folder)]) == 1
    assert "is not the key of ca.pem" in capsys.readouterr().err


def secrets_in(folder: Path) -> set[str]:
    """Long random values of a container's folder: hexadecimal ones, raw ones, private keys. What is public is left out."""
    found: set[str] = set()
    for file in folder.iterdir():
        if file.name in ("cert.pem", "ca.pem", "directory.json"):
            continue
        if file.name == "unseal.key":
            found.add(file.read_bytes().hex())
        elif file.suffix == ".pem":
            found |= set(re.findall(r"-----BEGIN PRIVATE KEY-----(.*?)-----END", file.read_text(), re.S))
        else:
            found |= set(re.findall(r"[0-9a-f]{32,}", file.read_text()))
    return found


def test_no_secret_stands_in_two_folders_but_a_password_and_the_server_that_checks_it(made: Path) -> None:
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for folder in made.iterdir():
        own = secrets_in(folder)
        assert own, folder
        for secret in own:
            holders[secret].add(folder.name)
    shared = {frozenset(h) for h in holders.values() if len(h) > 1}
    databases = {frozenset({"postgres", HOSTS[ServiceName(d)]}) for d in DATABASES["postgres"]}
    kafka = {frozenset({"kafka", HOSTS[ServiceName(d)]}) for d in DATABASES["postgres"]}
    client = frozenset({"keycloak", "audit-log"})
    owners = {frozenset({instance, folder}) for instance, folder in OWNERS.items()}
    assert shared == databases | kafka | owners | {frozenset({"postgres-keyring", "audit-log", "kms-setup"}), client}


def test_no_running_service_has_an_owners_login(made: Path) -> None:
    owners = {p for f in OWNERS.values() for p in re.findall(r"_owner:(\w+)@", (made / f / "owners.json").read_text())}
    assert len(owners) == sum(map(len, DATABASES.values()))
    for host in HOSTS.values():
        text = "".join(p.read_text() for p in (made / host).iterdir())
        assert not [o for o in owners if o in text] and "_owner" not in text, host


def test_every_database_is_reached_by_checked_tls_alone(made: Path) -> None:
    texts = [p.read_text() for p in made.rglob("*") if p.suffix in (".json", ".env")]
    found = [dsn for text in texts for dsn in re.findall(r"postgresql://[^\"\s]+", text)]
    databases = sum(map(len, DATABASES.values()))
    twice = 2  # the keyring's, which OpenBao's first start reads too
    expected = 3 * databases + twice + len(DATABASES)
    assert len(found) == expected, "app, relay and owner of each, and an administrator of each server"
    for dsn in found:
        check_database({}, "DSN", dsn)
        assert "sslrootcert=/run/secrets/app/ca.pem" in dsn


def test_certificates_are_renewed_and_nothing_else(tmp_path: Path) -> None:
    make(folder := tmp_path / "secrets")
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    for older in OWNERS.values():  # as a release before these left it
        shutil.rmtree(folder / older)
    assert main(["secrets", "--renew", str(folder)]) == 0
    after = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert after.keys() == before.keys()
    assert {p.name for p in after if after[p] != before[p]} == set(TLS) - {"ca.pem"}, (
        "the authority stays: nobody need restart at once"
    )
    for container, hosts in CERTIFIED.items():
        verify(folder / container, hosts[0])


def test_nobody_but_the_gate_and_openbao_s_first_start_reach_the_keyring(made: Path) -> None:
    for folder in made.iterdir():
        text = "".join(p.read_text() for p in folder.iterdir() if p.suffix in (".json", ".env"))
        assert ("keyring" in text) == (folder.name in ("audit-log", "postgres-keyring", "migrate-keyring", "kms-setup")), (
            folder.name
        )


def test_urls_carry_the_passwords_that_the_roles_get(made: Path) -> None:
    for instance, databases in DATABASES.items():
        passwords = json.loads((made / instance / "role-passwords.json").read_text())
        assert set(passwords) == {f"{d}_{r}" for d in databases for r in ("owner", "app", "relay")}
        for database in databases:
            file = made / ("audit-log/keyring.json" if database == "keyring" else f"{HOSTS[ServiceName(database)]}/database.json")
            owner = json.loads((made / OWNERS[instance] / "owners.json").read_text())[database]
            for role, url in {**json.loads(file.read_text()), "owner": owner}.items():
                parts = urlsplit(url)
                assert (parts.username, parts.hostname, parts.path) == (f"{database}_{role}", instance, f"/{database}")
                assert parts.password == passwords[f"{database}_{role}"]
        admin = urlsplit((made / instance / "provision.env").read_text().strip().partition("=")[2])
        assert (admin.password, admin.hostname) == ((made / instance / "password").read_text(), instance)


def test_every_service_knows_all_public_keys_and_holds_its_own_private_one(made: Path) -> None:
    for name, host in HOSTS.items():
        entries = json.loads((made / host / "directory.json").read_text())
        assert set(entries) == set(ServiceName)
        ServiceDirectory(entries)
        own = ServiceKeys.from_seed(name, bytes.fromhex((made / host / "seed.hex").read_text()))
        assert entries[name] == own.public()


def test_kafka_knows_each_service_by_its_own_password(made: Path) -> None:
    jaas = (made / "kafka/broker.env").read_text()
    known = dict(re.findall(r'user_(\w+)="(\w+)"', jaas))
    assert set(known) == {"admin"} | {n for n in ServiceName if n is not ServiceName.EHR_GATEWAY}
    for name in known.keys() - {"admin"}:
        env = (made / HOSTS[ServiceName(name)] / "kafka.env").read_text()
        assert env == f"KAFKA_USERNAME={name}\nKAFKA_PASSWORD={known[name]}\n"
    assert known["admin"] in (made / "kafka/admin.env").read_text()


def verify(folder: Path, host: str, *, authority: Path | None = None, at: datetime | None = None) -> None:
    trusted = x509.load_pem_x509_certificates(((authority or folder) / "ca.pem").read_bytes())
    policy = PolicyBuilder().store(Store(trusted)).time(at or datetime.now(UTC))
    certificate = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    policy.build_server_verifier(x509.DNSName(host)).verify(certificate, [])


@pytest.mark.parametrize("container", CERTIFIED)
def test_certificates_hold_for_their_hosts_and_no_other(made: Path, container: str) -> None:
    folder = made / container
    for host in CERTIFIED[container]:
        verify(folder, host)
        verify(folder, host, at=datetime.now(UTC) + timedelta(days=800))
    for host in {h for names in CERTIFIED.values() for h in names} - set(CERTIFIED[container]):
        with pytest.raises(VerificationError):
            verify(folder, host)
    with pytest.raises(VerificationError):
        verify(folder, CERTIFIED[container][0], at=datetime.now(UTC) + timedelta(days=900))
    assert (folder / "keystore.pem").read_bytes() == b"".join(
        (folder / f).read_bytes() for f in ("key.pem", "cert.pem", "ca.pem")
    )


def test_another_deployments_authority_vouches_for_nobody(made: Path, tmp_path: Path) -> None:
    make(tmp_path / "other")
    with pytest.raises(VerificationError):
        verify(made / "consent", "consent", authority=tmp_path / "other/consent")


def test_the_authoritys_own_key_is_in_no_container_s_folder(made: Path) -> None:
    authority = x509.load_pem_x509_certificate((made / "consent/ca.pem").read_bytes())
    for file in made.rglob("key.pem"):
        if file.parent.name == "authority":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            continue
        assert load_pem_private_key(file.read_bytes(), None).public_key() != authority.public_key()
