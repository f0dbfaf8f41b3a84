"""infra/kafka/topics.yaml is read strictly, and says what shared/contracts says."""

import pytest

from infra.kafka.topics_file import FILE, Misread, declared
from shared.contracts.topics import TOPICS

TEXT = FILE.read_text()


def test_the_file_names_the_topics_of_the_contracts() -> None:
    found = declared()
    assert {name: topic.partitions for name, topic in found.items()} == {name: topic.partitions for name, topic in TOPICS.items()}
    for topic in found.values():
        assert (topic.replication, topic.config["min.insync.replicas"]) == (3, "2"), "two of three hold what was acknowledged"
        assert topic.config["retention.ms"] == "-1" and topic.config["cleanup.policy"] == "delete", "events are kept for ever"
        assert topic.config["unclean.leader.election.enable"] == "false"


def test_a_topic_may_differ_from_the_defaults() -> None:
    topic = declared(TEXT.replace("  audit.v1:\n", "  audit.v1:\n    partitions: 3  # fewer\n"))["audit.v1"]
    assert (topic.partitions, topic.replication) == (3, 3)
    assert [topic.config_on(n)["min.insync.replicas"] for n in (1, 2, 3, 5)] == ["1", "1", "2", "2"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (TEXT.replace("  partitions: 12", "  partitions: '12'"), "line 5"),
        (TEXT.replace("  partitions: 12", "\tpartitions: 12"), "line 5"),
        (TEXT.replace("  partitions: 12", "   partitions: 12"), "line 5"),
        (TEXT.replace("  partitions: 12", "  - partitions"), "line 5"),
        (TEXT.replace("  partitions: 12", "  partitions: many"), "whole numbers"),
        (TEXT.replace("  partitions: 12", "  partitions:"), "one value"),
        (TEXT.replace("  partitions: 12\n", ""), "partitions"),
        (TEXT.replace("retention.ms", "retention.millis"), "retention"),
        (TEXT.replace("  consent.v1:", "  audit.v1:"), "twice"),
        (TEXT.replace("  audit.v1:\n", "  audit.v1: 3\n"), "mapping"),
        (TEXT.replace("topics:", "topics: all"), "below it"),
        (TEXT + "more:\n", "two parts"),
        (TEXT.replace("  audit.v1:\n", "  audit.v1:\n    partitions:\n"), "wants a value"),
    ],
)
def test_what_is_out_of_form_is_refused(wrong: str, said: str) -> None:
    with pytest.raises(Misread, match=said):
        declared(wrong)
