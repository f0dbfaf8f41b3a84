"""What the broker allows is what the one table of topics says, and nothing more."""

from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from infra.kafka.acls import bindings
from shared.contracts.records import ServiceName
from shared.contracts.topics import CONSENT_POLICY, RECEIPTS, TOPICS

ALL = list(bindings())
CLINICAL = {"consent.v1", "session-notes.v1", "alliance.v1"}


def topics(name: ServiceName, operation: AclOperation) -> set[str]:
    return {b.name for b in ALL if b.restype is ResourceType.TOPIC and b.principal == f"User:{name}" and b.operation is operation}


def test_topics_are_as_the_contract_says() -> None:
    for name in ServiceName:
        writes = {t.name for t in TOPICS.values() if name in t.writers}
        reads = {t.name for t in TOPICS.values() if name in t.readers}
        assert topics(name, AclOperation.WRITE) == writes
        assert topics(name, AclOperation.READ) == reads
        assert topics(name, AclOperation.DESCRIBE) == writes | reads


def test_the_gate_reaches_no_clinical_topic() -> None:
    assert TOPICS.keys() > CLINICAL
    gate = [b for b in ALL if b.principal == f"User:{ServiceName.AUDIT_LOG}"]
    assert gate
    assert not {b.name for b in gate if b.restype is ResourceType.TOPIC} & CLINICAL
    assert topics(ServiceName.AUDIT_LOG, AclOperation.READ) == {CONSENT_POLICY, RECEIPTS}


def test_only_consent_may_write_policy_and_only_the_gate_may_shred() -> None:
    assert [n for n in ServiceName if CONSENT_POLICY in topics(n, AclOperation.WRITE)] == [ServiceName.CONSENT]
    assert [n for n in ServiceName if "audit.v1" in topics(n, AclOperation.WRITE)] == [ServiceName.AUDIT_LOG]


def test_nothing_is_allowed_by_wildcard() -> None:
    for binding in ALL:
        assert binding.permission_type is AclPermissionType.ALLOW
        assert "*" not in (binding.name, binding.principal.removeprefix("User:"))
        assert binding.operation in (
            AclOperation.READ,
            AclOperation.WRITE,
            AclOperation.DESCRIBE,
            AclOperation.IDEMPOTENT_WRITE,
        )
        assert (binding.resource_pattern_type is ResourcePatternType.PREFIXED) == (binding.restype is ResourceType.GROUP)


def test_each_service_has_its_own_groups_alone() -> None:
    """Group permissions are by prefix: no service's name may begin with another's."""
    groups: list[AclBinding] = [b for b in ALL if b.restype is ResourceType.GROUP]
    names = [b.name for b in groups]
    assert [f"User:{n}" for n in names] == [b.principal for b in groups]
    assert not [(a, b) for a in names for b in names if a != b and a.startswith(b)]


def test_ehr_gateway_is_no_guest_of_the_broker() -> None:
    assert not [b for b in ALL if b.principal == f"User:{ServiceName.EHR_GATEWAY}"]
