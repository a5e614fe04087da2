"""Sources are data: registering one makes its topics, and a running worker reads it without a restart."""

import pytest

from fengqiao.intake.v1.inbound_pb2 import InboundRequest
from services.chassis import topics
from services.chassis.errors import Invalid, KeyReused
from services.chassis.protobuf import timestamp
from services.chassis.publisher import KafkaPythonProducer
from services.chassis.worker import Worker
from services.intake.agents import Inboxes, register
from services.intake.domain import OUTCOMES, case_id_of, replies_topic, requests_topic
from services.intake.inbound import TYPE
from services.intake.sources import Source, Sources
from tests.integration.intake.conftest import NOW, House
from tests.waiting import until_async


@pytest.fixture
def sources(house: House, broker: str) -> Sources:
    settings = house.base.settings.model_copy(update={"kafka_bootstrap": broker})
    return Sources(settings, house.base.sites, house.base.threads, house.base.wall)


async def test_registering_a_source_makes_its_topics_once(
    sources: Sources, broker: str, topic_suffix: str
) -> None:
    source = Source(f"s-{topic_suffix}", "jili")
    await sources.register(source)
    await sources.register(source)
    assert source in await sources.all()
    assert topics.create(broker, topics.of_source(source.name)) == []


async def test_a_name_belongs_to_one_site(sources: Sources, topic_suffix: str) -> None:
    await sources.register(Source(f"s-{topic_suffix}", "jili"))
    with pytest.raises(KeyReused):
        await sources.register(Source(f"s-{topic_suffix}", "boston"))
    with pytest.raises(Invalid):
        await sources.register(Source(f"t-{topic_suffix}", "nowhere"))


async def test_a_running_worker_reads_a_new_source_without_a_restart(
    house: House, sources: Sources, broker: str, topic_suffix: str
) -> None:
    topics.create_all(broker)
    settings = house.base.settings.model_copy(
        update={
            "kafka_bootstrap": broker,
            "group_suffix": f"-{topic_suffix}",
            "session_timeout_s": 6.0,
            "heartbeat_interval_s": 1.0,
        }
    )
    worker = Worker(settings, house.base.readiness, OUTCOMES, ())
    inboxes = Inboxes(sources, house.base.sites, house.desk)
    register(worker, house.base, {}, inboxes)
    await worker.start()
    producer = KafkaPythonProducer(broker, "agency")
    try:
        source = Source(f"s-{topic_suffix}", "jili")
        await sources.register(source)
        await inboxes.notice()
        sent = InboundRequest(
            reference="101", kind="noise", site_id="jili", title="Loud", occurred_at=timestamp(NOW)
        )
        headers = {"ce_specversion": "1.0", "ce_type": TYPE, "content-type": "application/protobuf"}
        assert await producer.send(
            requests_topic(source.name),
            b"101",
            sent.SerializeToString(),
            [(name, value.encode()) for name, value in headers.items()],
        )
        await until_async(
            lambda: house.broker.types(replies_topic(source.name)) == ["SubmissionAccepted"],
            timeout=60,
            what="the reply to a source registered while the worker ran",
        )
        case_id = case_id_of(source.name, "101")
        assert case_id in await house.base.committer.get([case_id])
    finally:
        await producer.close()
        await worker.stop()
