"""What can be seen before anything is started: settings, secrets, certificates, memory, disk, ports."""

import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from infra.compose.secrets import certified, make
from infra.doctor.finding import Finding, fault, warning, well

ENDS_SOON: Final = timedelta(days=30)
MEMORY_GIB: Final = 4
"""all containers together took 2.1 GiB at rest, and 3 under load (docs/operations/deploy.md)"""
DISK_GIB: Final = 10
DISK_PERCENT: Final = 10
_NEEDED: Final = ("OIDC_ISSUER",)
_KEYS: Final = ("OIDC_JWKS_URL", "OIDC_JWKS_FILE")


def check_settings(env: Mapping[str, str]) -> Iterator[Finding]:
    missing = [name for name in _NEEDED if not env.get(name)]
    if not any(env.get(name) for name in _KEYS):
        missing.append(" or ".join(_KEYS))
    if missing:
        yield fault(
            "settings",
            f"not set: {', '.join(missing)}",
            "No token can be checked, so nobody is let in.",
            "Set them in the environment or in .env: docs/operations/deploy.md has the table",
        )
    plain = [n for n in ("OIDC_ISSUER", "OIDC_JWKS_URL", "PUBLIC_URL") if env.get(n, "").startswith("http://")]
    if plain:
        yield fault(
            "settings",
            f"not https: {', '.join(plain)}",
            "The services refuse to start.",
            f"Give an https:// address in {plain[0]}",
        )
    if not missing and not plain:
        yield well("settings", "every setting that must be set is set")


def check_secrets(folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        yield fault("secrets", f"{folder} does not exist", "Nothing can be started.", "make secrets")
        return
    if mode := stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield fault(
            "secrets",
            f"{folder} can be read by other accounts of this host (mode …{mode:03o})",
            "Whoever reads it can open every record.",
            f"chmod 700 {folder}",
        )
    lacking = sorted(_names_of_a_whole_folder() - {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()})
    lacking = [name for name in lacking if not name.startswith("authority/")]
    if lacking:
        shown = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
        yield fault(
            "secrets", f"missing: {shown}", "Containers that read them do not start.", "make secrets (adds what is missing)"
        )
    else:
        yield well("secrets", f"{folder} is whole")
    if (folder / "authority/key.pem").exists():
        yield warning(
            "authority",
            "the key of the certificates' authority lies on this host",
            "Whoever takes it can pose as any service of this deployment. Nothing that runs needs it.",
            f"Move {folder}/authority/key.pem to a safe place",
        )


def _names_of_a_whole_folder() -> set[str]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "secrets"
        return {str(Path(name).relative_to(folder)) for name in make(folder)}


def check_certificates(folder: Path, env: Mapping[str, str], now: datetime) -> Iterator[Finding]:
    ends: dict[str, datetime] = {}
    for own in certified():
        file = folder / own / "cert.pem"
        if file.exists():
            ends[own] = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    if not ends:
        return
    first = min(ends, key=lambda own: ends[own])
    days = (ends[first] - now).days
    said = f"the certificate of {first} {'ended' if days < 0 else 'ends'} on {ends[first]:%Y-%m-%d}"
    why = "From then on the services refuse each other's calls, and nobody can read or write."
    if ends[first] <= now:
        yield fault("certificates", said, why, "make certificates, then docker compose up -d --force-recreate")
    elif ends[first] - now < ENDS_SOON:
        yield warning("certificates", said, why, "make certificates, then docker compose up -d --force-recreate")
    else:
        yield well("certificates", f"{said}, in {days} days")
    host, file = urlsplit(env.get("PUBLIC_URL") or "https://localhost:8443").hostname or "", folder / "nginx/cert.pem"
    if file.exists():
        names = x509.load_pem_x509_certificate(file.read_bytes()).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        known = {*names.value.get_values_for_type(x509.DNSName), *map(str, names.value.get_values_for_type(x509.IPAddress))}
        if host not in known:
            yield fault(
                "certificates",
                f"nginx's certificate does not name {host}, the host of PUBLIC_URL",
                "Browsers and EHR systems refuse the connection.",
                f"PUBLIC_HOST={host} make certificates, or your own certificate in {folder}/nginx",
            )


def check_machine(docker_folder: Path = Path("/var/lib/docker")) -> Iterator[Finding]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    if memory < MEMORY_GIB:
        yield fault(
            "memory",
            f"{memory:.1f} GiB",
            f"The containers together need {MEMORY_GIB} GiB; with less, one is ended.",
            "More memory",
        )
    else:
        yield well("memory", f"{memory:.1f} GiB")
    place = docker_folder if docker_folder.exists() else Path("/")
    usage = shutil.disk_usage(place)
    free, percent = usage.free / 2**30, 100 * usage.free / usage.total
    if free < DISK_GIB or percent < DISK_PERCENT:
        yield fault(
            "disk",
            f"{free:.1f} GiB free ({percent:.0f} %) at {place}",
            "On a full disk PostgreSQL and Kafka stop, and every write is refused.",
            "Free space, or move Docker's data to a larger disk",
        )
    else:
        yield well("disk", f"{free:.0f} GiB free ({percent:.0f} %) at {place}")


def check_port(env: Mapping[str, str], *, running: bool) -> Iterator[Finding]:
    """Whether nginx's port can be had; once it runs, that is asked of its health instead."""
    if running:
        return
    host, port = env.get("BIND") or "127.0.0.1", int(env.get("HTTPS_PORT") or 8443)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError as error:
            yield fault("port", f"{host}:{port}: {error.strerror}", "nginx cannot start.", "Set HTTPS_PORT to a free port")
            return
    yield well("port", f"{host}:{port} is free")


def now() -> datetime:
    return datetime.now(UTC)
