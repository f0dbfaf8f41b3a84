"""`python -m services.audit_log`: the gate as a process of its own. Besides what every service needs it reads

| variable | meaning |
|---|---|
| KEYRING_DATABASE_FILE | DSNs of the keyring's own database |
| KMS_PROVIDER | `openbao`, `aws`, or `file` in development |
| BAO_ADDR, BAO_CACERT, KMS_TOKEN_FILE | OpenBao, its CA, and the file with the service's token |
| AWS_REGION, KMS_ENDPOINT | AWS KMS (extra `aws`): its region, and a private endpoint where there is one |
| KMS_FILE | the file of the development KMS |
| LOG_SEED_FILE | 32 bytes in hex: the logs' signing keys come from it. Further lines: seeds that are retiring, newest first |
| ANCHOR_DIR | where the last signed checkpoints are kept, apart from the database |
| POLICY_FEED_URL | consent's address |
| AUDIT_LOG_WITNESSES_FILE | witnesses of the logs, a line each: `witness <name> <vkey> <url>` |
| AUDIT_LOG_ROUTES_FILE | where entries and alarms go out to (`adapters/routes_file.py`) |
| AUDIT_LOG_RETENTION_YEARS | after which payloads of entries are deleted, six at least; unset: never |
| AUDIT_LOG_SIGN_IN_CLIENT_ID | by which officers sign in with the issuer (ADR 0026); unset: an access token is pasted |
| AUDIT_LOG_SIGN_IN_SECRET_FILE | that client's secret, where it has one |
| AUDIT_LOG_SIGN_IN_AUTHORIZATION_URL, ..._TOKEN_URL, ..._LOGOUT_URL | the issuer's endpoints; unset: they are asked of it |
| AUDIT_LOG_SIGN_IN_SCOPE | `openid profile` |
| AUDIT_LOG_PDF_FONT | TrueType font of PDF reports |
"""

from pathlib import Path

from services.audit_log.bootstrap import AuditLogService, build
from services.audit_log.decision.adapters.policy_log import HttpPolicyFeed
from services.audit_log.keyring.adapters.kms.chosen import kms_of
from services.audit_log.settings import Settings
from shared.contracts.records import ServiceName
from shared.identity.assertions import ServiceCaller
from shared.service import clock
from shared.service.parts import Parts
from shared.service.run import Deployment, main, require


def wire(parts: Parts, deployment: Deployment) -> AuditLogService:
    env = deployment.env
    caller = ServiceCaller(deployment.keys, deployment.directory, ServiceName.CONSENT, clock=clock.seconds, random=clock.random)
    feed = HttpPolicyFeed(
        require(env, "POLICY_FEED_URL"), caller, ssl=deployment.tls.client_context() if deployment.tls else None
    )
    seed, *retiring = [bytes.fromhex(line) for line in Path(require(env, "LOG_SEED_FILE")).read_text().split()]
    return build(
        parts,
        keyring_database=deployment.database("KEYRING_DATABASE_FILE"),
        kms=kms_of(env),
        feed=feed,
        anchor_dir=Path(require(env, "ANCHOR_DIR")),
        log_seed=seed,
        retiring_seeds=retiring,
        directory=deployment.directory,
        keys=deployment.keys,
        settings=Settings.from_environment(env),
        closing=(feed.close,),
    )


main(ServiceName.AUDIT_LOG, wire)
