"""How contracts of topics are read; what they say is tested in tests/contract."""

import pytest

from services.chassis import topics


def test_retention_is_for_ever_or_a_number_of_days() -> None:
    assert topics._retention_ms("forever") == -1
    assert topics._retention_ms("7 days") == 7 * 24 * 3600 * 1000


@pytest.mark.parametrize(
    "text", ["", "for ever", "Forever", "7", "7 day", "7 hours", "x days", "0 days", "-1 days"]
)
def test_a_retention_that_is_mistyped_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"retention|invalid literal"):
        topics._retention_ms(text)


def test_the_topics_of_a_source_carry_its_name_and_the_patterns_promises() -> None:
    patterns = [topic for topic in topics.load() if topic.per_source]
    made = topics.of_source("hotline")
    assert {topic.name for topic in made} == {
        "fengqiao.inbound.hotline.requests",
        "fengqiao.inbound.hotline.replies",
        "fengqiao.inbound.hotline.dead",
    }
    assert not any(topic.per_source for topic in made)
    assert [(t.partitions, t.retention_ms) for t in made] == [
        (t.partitions, t.retention_ms) for t in patterns
    ]


def test_a_topic_without_contract_declares_nothing() -> None:
    assert topics.declared_types("fengqiao.nobody.events") == frozenset()
