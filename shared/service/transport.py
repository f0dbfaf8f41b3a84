"""Plain transport is refused outside of development (ADR 0078): every check of it, and the settings that it names.

`ENVIRONMENT=development` alone lifts these checks; unset means production. What never leaves the machine (a loopback address, a
Unix socket) needs no TLS, except with Kafka, whose brokers name further addresses themselves.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from shared.service.parts import Unwired
from shared.values.addresses import is_guarded

ADDRESSES: Final = (
    "GATE_URL",
    "POLICY_FEED_URL",
    "CONSENT_URL",
    "SESSION_NOTES_URL",
    "ALLIANCE_MEASUREMENT_URL",
    "PUBLIC_URL",
    "OIDC_JWKS_URL",
    "OIDC_TOKEN_ENDPOINT",
    "BAO_ADDR",
    "KMS_ENDPOINT",
    "AUDIT_LOG_SIGN_IN_AUTHORIZATION_URL",
    "AUDIT_LOG_SIGN_IN_TOKEN_URL",
    "AUDIT_LOG_SIGN_IN_LOGOUT_URL",
)
"""settings that hold an address of somebody else's server, or of ours as others reach it"""
TLS_FILES: Final = ("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CA_FILE")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def is_development(env: Mapping[str, str]) -> bool:
    return env.get("ENVIRONMENT") == "development"


def check_service(env: Mapping[str, str], *, stores: bool) -> None:
    """Everything that a service's settings say of transport, but its databases. `stores`: it has one, and uses Kafka."""
    if is_development(env):
        return
    if missing := [name for name in TLS_FILES if not env.get(name)]:
        raise Unwired(f"{', '.join(missing)}: set them, {_WHY}")
    check_addresses(env)
    if stores:
        check_kafka(env)


def check_addresses(env: Mapping[str, str]) -> None:
    if is_development(env):
        return
    issuer = env.get("OIDC_ISSUER", "")
    plain = [name for name in ADDRESSES if env.get(name) and not is_guarded(env[name])]
    if issuer.startswith("http:") and not is_guarded(issuer):
        plain.append("OIDC_ISSUER")
    if plain:
        raise Unwired(f"{', '.join(plain)}: give an https:// address, {_WHY}")


def check_kafka(env: Mapping[str, str]) -> None:
    if not is_development(env) and env.get("KAFKA_SECURITY_PROTOCOL") not in ("SSL", "SASL_SSL"):
        raise Unwired(f"KAFKA_SECURITY_PROTOCOL: set SASL_SSL (or SSL) and KAFKA_CA_FILE, {_WHY}")


def check_database(env: Mapping[str, str], setting: str, dsn: str) -> None:
    """`setting` names where the DSN stands; the DSN itself carries a password and is never said."""
    if is_development(env):
        return
    parts = urlsplit(dsn)
    options = parse_qs(parts.query)
    hosts = [*filter(None, [parts.hostname]), *options.get("host", [])]
    if hosts and all(host in _LOOPBACK or host.startswith("/") for host in hosts):
        return
    if options.get("sslmode") != ["verify-full"] or not options.get("sslrootcert"):
        raise Unwired(f"{setting}: give each DSN `?sslmode=verify-full&sslrootcert=<authority>.pem`, {_WHY}")


_WHY: Final = "or set ENVIRONMENT=development where nothing real is kept: plain transport is refused (docs/operations/deploy.md)"
