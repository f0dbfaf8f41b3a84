"""The KMS that a deployment's environment names. One is named, and no other ever takes its place."""

from collections.abc import Mapping
from pathlib import Path

from services.audit_log.keyring.adapters.kms.file import FileKms
from services.audit_log.keyring.adapters.kms.openbao import OpenBaoKms
from services.audit_log.keyring.adapters.kms.port import Kms
from shared.service import clock
from shared.service.parts import Unwired
from shared.service.run import require


def kms_of(env: Mapping[str, str]) -> Kms:
    """Not opened. Unwired where KMS_PROVIDER or what that provider needs is missing."""
    match require(env, "KMS_PROVIDER"):
        case "openbao":
            token = Path(require(env, "KMS_TOKEN_FILE"))
            verify = env.get("BAO_CACERT") or True
            return OpenBaoKms(require(env, "BAO_ADDR"), token=lambda: token.read_text().strip(), verify=verify)
        case "aws":
            return _aws(require(env, "AWS_REGION"), env.get("KMS_ENDPOINT"))
        case "file":
            return FileKms(Path(require(env, "KMS_FILE")), environment=env.get("ENVIRONMENT"), random=clock.random)
    raise Unwired("KMS_PROVIDER is openbao, aws, or file in development")


def _aws(region: str, endpoint: str | None) -> Kms:
    try:
        from services.audit_log.keyring.adapters.kms.aws import AwsKms
    except ImportError:
        raise Unwired("KMS_PROVIDER=aws needs botocore: install the extra `aws`") from None
    return AwsKms(region, endpoint=endpoint)
