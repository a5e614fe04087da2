"""Events become notices on a real store: each once, whatever is redelivered."""

from datetime import timedelta

from prometheus_client import REGISTRY

from fengqiao.common.v1.common_pb2 import TIER_COMMUNITY
from fengqiao.routing.v1 import events_pb2 as routing
from services.chassis.indexes import missing_indexes
from services.chassis.protobuf import timestamp
from services.notify.domain import FAILED
from services.notify.owed import EMAIL, IN_APP
from services.notify.sending import figures
from tests.integration.notify.conftest import House, event, reference, resolved

ESCALATED = routing.CaseEscalated(
    case=reference(),
    assignment=routing.Assignment(
        tier=TIER_COMMUNITY, unit_id="jili/c1", post_id="post:jili/c1", holder_ref="leader-1"
    ),
    reason=routing.MOVE_REASON_TIMEOUT,
)


async def test_one_insert_makes_the_notice_and_delivers_it_in_app_without_an_event(house: House) -> None:
    await house.hear(event(ESCALATED))
    [made] = await house.notices()
    assert {(d.channel, d.recipient_ref, d.status) for d in made.deliveries} == {
        (EMAIL, "p-1", "pending"),
        (IN_APP, "p-1", "delivered"),
        (IN_APP, "leader-1", "delivered"),
    }
    assert house.broker.types() == []
    [record] = await house.base.threads.run(house.base.committer.repository.find, {})
    assert record.version == 1


async def test_an_event_that_comes_again_changes_nothing_and_tells_nobody_twice(house: House) -> None:
    await house.hear(event(ESCALATED), event(ESCALATED))
    await house.send()
    before = await house.notices()
    await house.hear(event(ESCALATED))
    await house.hear(event(ESCALATED), event(resolved(), sequence=2))
    assert await house.notices() == [*before, *[n for n in await house.notices() if n not in before]]
    assert len(await house.notices()) == 2
    await house.send()
    assert len(house.mail.mails) == 2


async def test_an_urgent_case_is_on_the_desk_with_its_notice_and_how_long_that_took_is_measured(
    house: House,
) -> None:
    def measured(part: str) -> float:
        return REGISTRY.get_sample_value(f"fengqiao_desk_told_seconds_{part}") or 0.0

    count, total = measured("count"), measured("sum")
    routed = routing.CaseRouted(
        case=reference(),
        assignment=ESCALATED.assignment,
        risk=True,
        submitted_recorded_at=timestamp(house.clock.now - timedelta(seconds=3)),
    )
    await house.hear(event(routed), event(routed))
    [made] = await house.notices()
    told = {d.recipient_ref: (d.template, d.status) for d in made.deliveries}
    assert told["desk:jili"] == ("case_urgent", "delivered")
    assert (measured("count") - count, measured("sum") - total) == (1, 3)
    usual = routing.CaseRouted(case=reference(), assignment=ESCALATED.assignment)
    await house.hear(event(usual, sequence=2))
    assert measured("count") - count == 1


async def test_an_event_that_is_no_news_makes_no_notice(house: House) -> None:
    await house.hear(event(routing.CaseAccepted(case=reference(), unit_id="jili/c1")))
    assert await house.notices() == []


async def test_an_event_of_an_unknown_site_is_reported_and_its_neighbours_go_on(house: House) -> None:
    await house.hear(event(resolved(), "case-1", site="atlantis"), event(resolved(), "case-2"))
    [made] = await house.notices()
    assert made.case_id == "case-2"
    [letter] = [headers for topic, headers in house.broker.sent if topic == "fengqiao.notify.dead"]
    assert letter["dead-reason"] == "unknown_site"


async def test_no_name_and_no_address_is_in_the_store_or_in_an_event(house: House) -> None:
    house.mail.answers["canary2@example.org"] = "550 no such user"
    await house.hear(event(resolved("p-1"), "case-1"), event(resolved("p-2"), "case-2"))
    await house.send()
    assert sorted(d.status for d in await house.emails()) == ["delivered", FAILED]
    raws = list(house.base.committer.repository.collection.find())
    for text in [str(raws), str(house.broker.sent)]:
        assert "canary" not in text.lower()
        assert "example.org" not in text


async def test_the_figures_count_each_notice_once(house: House) -> None:
    house.mail.answers["canary2@example.org"] = "550 no such user"
    await house.hear(event(resolved("p-1"), "case-1"), event(resolved("p-2"), "case-2"))
    await house.send()
    await house.hear(event(resolved("p-3"), "case-3"))
    assert await house.base.threads.run(figures, house.base) == {"told": 1, "waiting": 1, "failed": 1}


async def test_no_index_is_missing_after_migrate(house: House) -> None:
    assert missing_indexes(house.base.documents) == []
