"""What may be set for this service from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from services.audit_log.assurance.adapters.witness_http import parse_witnesses
from services.audit_log.assurance.application.completeness import GRACE
from services.audit_log.assurance.application.retention_clock import LEAST_YEARS
from services.audit_log.assurance.application.witnessing import Witness
from services.audit_log.break_glass.application.grants import GRANT_ROLES
from services.audit_log.decision.domain.release import RELEASE_DELAY
from services.audit_log.downtime.domain.late_writes import MISSED_AFTER
from services.audit_log.keyring.domain.keys import KeyRotation
from services.audit_log.officers.application.provider import Endpoints, ProviderSettings
from services.audit_log.routes_out.adapters.routes_file import parse_routes
from services.audit_log.routes_out.application.routes import Route
from shared.entry.numbers import whole_number
from shared.identity.roles import Role
from shared.values.addresses import is_guarded


@dataclass(frozen=True, slots=True)
class Settings:
    release_delay: timedelta = RELEASE_DELAY
    """after which a rating released as `delayed` becomes visible"""
    break_glass_roles: frozenset[Role] = GRANT_ROLES
    """groups that may break the glass"""
    witnesses: tuple[Witness, ...] = ()
    """who cosigns the logs' checkpoints"""
    witness_every: timedelta = timedelta(milliseconds=500)
    """how often new checkpoints go to the witnesses"""
    retention_years: int | None = None
    """after which payloads of entries are deleted, six at least; None keeps them"""
    receipt_grace: timedelta = GRACE
    """after which an entry that allowed a write, and has no receipt, is an alarm"""
    late_after: timedelta = MISSED_AFTER
    """after which a note that was written while the gate was away, and is not reconciled, is an alarm"""
    routes: tuple[Route, ...] = ()
    """by which entries and alarms go out"""
    pdf_font: Path | None = None
    """TrueType font of PDF reports; absent: DejaVu Sans where it is installed, else Latin-1 alone"""
    reports_dir: Path | None = None
    """where bundles lie while they are made and fetched, without a name; None: the system's folder for temporary files"""
    reports_bytes: int = 1 << 30
    """that all bundles together take there at most"""
    log_origin: str | None = None
    """`<host>/<deployment>` that names the logs of this deployment for ever; absent: host of the public address"""

    sign_in: ProviderSettings | None = None
    """the identity provider by which officers sign in to their pages; None: an access token is pasted"""
    key_rotation: KeyRotation = field(default_factory=KeyRotation)
    """when a data key gives way to a new version for new records"""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        """ValueError names the variable that cannot be used."""
        default = cls()
        days = env.get("AUDIT_LOG_RELEASE_DELAY_DAYS", str(default.release_delay.days))
        try:
            whole_number(days, 1, 365)
        except ValueError:
            raise ValueError("AUDIT_LOG_RELEASE_DELAY_DAYS: whole days from 1 to 365") from None
        roles = default.break_glass_roles
        named = env.get("AUDIT_LOG_BREAK_GLASS_ROLES")
        if named is not None:
            try:
                roles = frozenset(Role(r.strip()) for r in named.split(",") if r.strip())
            except ValueError:
                raise ValueError("AUDIT_LOG_BREAK_GLASS_ROLES: roles, separated by commas") from None
        rotation = KeyRotation(
            timedelta(days=_whole(env, "AUDIT_LOG_DATA_KEY_DAYS", default.key_rotation.after.days, 3_650)),
            _whole(env, "AUDIT_LOG_DATA_KEY_RECORDS", default.key_rotation.records, 1_000_000),
        )
        return cls(
            release_delay=timedelta(days=int(days)),
            break_glass_roles=roles,
            witnesses=_witnesses(env.get("AUDIT_LOG_WITNESSES_FILE")),
            retention_years=_years(env.get("AUDIT_LOG_RETENTION_YEARS")),
            routes=_routes(env.get("AUDIT_LOG_ROUTES_FILE"), env.get("PUBLIC_URL", "")),
            pdf_font=Path(env["AUDIT_LOG_PDF_FONT"]) if env.get("AUDIT_LOG_PDF_FONT") else None,
            reports_dir=Path(env["AUDIT_LOG_REPORTS_DIR"]) if env.get("AUDIT_LOG_REPORTS_DIR") else None,
            reports_bytes=_whole(env, "AUDIT_LOG_REPORTS_MIB", default.reports_bytes >> 20, 1 << 20) << 20,
            log_origin=env.get("AUDIT_LOG_ORIGIN") or None,
            sign_in=_sign_in(env),
            key_rotation=rotation,
            late_after=timedelta(minutes=_whole(env, "AUDIT_LOG_LATE_MINUTES", int(MISSED_AFTER.total_seconds()) // 60, 10_080)),
        )


def _sign_in(env: Mapping[str, str]) -> ProviderSettings | None:
    """The provider is the issuer whose tokens are accepted; its endpoints are set, or asked of it."""
    client_id = env.get("AUDIT_LOG_SIGN_IN_CLIENT_ID")
    if not client_id:
        return None
    named = {n: env.get(f"AUDIT_LOG_SIGN_IN_{n}_URL") or None for n in ("AUTHORIZATION", "TOKEN", "LOGOUT")}
    authorization, token, logout = named.values()
    for name, address in (*((f"AUDIT_LOG_SIGN_IN_{n}_URL", a) for n, a in named.items()), ("PUBLIC_URL", env.get("PUBLIC_URL"))):
        if address and not is_guarded(address):
            raise ValueError(f"{name}: an address is reached over https")
    if (authorization is None) != (token is None) or (logout and authorization is None):
        raise ValueError("AUDIT_LOG_SIGN_IN_AUTHORIZATION_URL and AUDIT_LOG_SIGN_IN_TOKEN_URL: both, or neither")
    issuer = env.get("OIDC_ISSUER", "")
    if authorization is None and not is_guarded(issuer):
        raise ValueError("OIDC_ISSUER: an https address, or else AUDIT_LOG_SIGN_IN_AUTHORIZATION_URL and ..._TOKEN_URL")
    scope = env.get("AUDIT_LOG_SIGN_IN_SCOPE") or "openid profile"
    if "openid" not in scope.split():
        raise ValueError("AUDIT_LOG_SIGN_IN_SCOPE: `openid` is among them")
    try:
        file = env.get("AUDIT_LOG_SIGN_IN_SECRET_FILE")
        secret = Path(file).read_text().strip() if file else None
    except OSError as error:
        raise ValueError(f"AUDIT_LOG_SIGN_IN_SECRET_FILE: {error}") from None
    return ProviderSettings(
        issuer,
        client_id,
        secret or None,
        Endpoints(authorization, token, logout) if authorization and token else None,
        scope,
        Path(env["OIDC_CA_FILE"]) if env.get("OIDC_CA_FILE") else None,
    )


def _years(text: str | None) -> int | None:
    if not text:
        return None
    try:
        return whole_number(text, LEAST_YEARS, 100)
    except ValueError as error:
        raise ValueError(f"AUDIT_LOG_RETENTION_YEARS: {error}, or unset to keep everything") from None


def _routes(file: str | None, public_url: str) -> tuple[Route, ...]:
    if not file:
        return ()
    try:
        return parse_routes(Path(file).read_text(), urlsplit(public_url).hostname or "-")
    except (OSError, ValueError) as error:
        raise ValueError(f"AUDIT_LOG_ROUTES_FILE: {error}") from None


def _witnesses(file: str | None) -> tuple[Witness, ...]:
    if not file:
        return ()
    try:
        return parse_witnesses(Path(file).read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"AUDIT_LOG_WITNESSES_FILE: {error}") from None


def _whole(env: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = env.get(name) or str(default)
    try:
        return whole_number(text, 1, most)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
