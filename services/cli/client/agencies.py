"""An agency's side: register a source, publish an event and wait for its reply."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import events_pb2 as events
from fengqiao.intake.v1 import intake_service_pb2 as rpc
from services.chassis.auth import Role
from services.chassis.clock import monotonic
from services.chassis.envelope import STRUCTURED, header_map
from services.cli.client import text
from services.cli.client.options import client
from services.cli.client.session import Misuse, Session
from services.intake.domain import replies_topic, requests_topic

POLL_MS = 200

Reply = events.SubmissionAccepted | events.SubmissionRejected
REPLIES: dict[str, type[Reply]] = {
    kind.DESCRIPTOR.full_name: kind for kind in (events.SubmissionAccepted, events.SubmissionRejected)
}

source = typer.Typer(
    help="Sources: the agencies that publish requests.", no_args_is_help=True, add_completion=False
)


@source.command("register")
@client(Role.OPERATOR, changes=True)
async def register(
    to: Session, meta: CommandMeta, name: Annotated[str, typer.Argument(help="Short name of the source.")]
) -> None:
    """Register an agency's source; its topics are made, and reading begins without a restart."""
    request = rpc.RegisterSourceRequest(meta=meta, source=name, site_id=to.site)
    answer = await to.call(to.intake.RegisterSource, request)
    to.show(answer, text.lines({"requests": answer.requests_topic, "replies": answer.replies_topic}))


@client(Role.AGENCY)
async def publish(
    to: Session,
    *,
    source: Annotated[str, typer.Option(help="Registered source to publish as.")],
    file: Annotated[
        typer.FileBinaryRead, typer.Option(help="One CloudEvent in structured JSON; - reads it here.")
    ],
    bootstrap: Annotated[
        str, typer.Option(envvar="KAFKA_BOOTSTRAP", help="Broker (default: the runtime's).")
    ] = "",
    wait: Annotated[float, typer.Option(help="Seconds to wait for the reply.", min=0)] = 15.0,
) -> None:
    """Publish an agency's event as it is, wait for the reply, print it. Exit 1 when it was rejected."""
    brokers = bootstrap or to.bootstrap
    if not brokers:
        raise Misuse("no broker: give --bootstrap or KAFKA_BOOTSTRAP")
    value = file.read()
    try:
        reply, earlier = await asyncio.to_thread(_publish, brokers, source, value, wait)
    except KafkaError as error:
        raise Misuse(f"broker {brokers}: {type(error).__name__}") from None
    if reply is None:
        raise Misuse(f"published; no reply within {wait:g} s on {replies_topic(source)}")
    to.show(reply, _told(reply, earlier=earlier))
    if isinstance(reply, events.SubmissionRejected):
        raise typer.Exit(1)


def _publish(bootstrap: str, source: str, value: bytes, wait: float) -> tuple[Reply | None, bool]:
    """The reply to a record, and whether it was given before: what was taken in once isn't answered again."""
    reference = _reference(value)
    with _consumer(bootstrap, replies_topic(source)) as consumer:
        with _producer(bootstrap) as producer:
            record = producer.send(
                requests_topic(source),
                value=value,
                key=reference.encode() or None,
                headers=[("content-type", STRUCTURED.encode())],
            ).get(timeout=wait or None)
        earlier: Reply | None = None
        end = monotonic() + wait
        while monotonic() < end:
            for reply in _replies(consumer):
                if (reply.answers.partition, reply.answers.offset) == (record.partition, record.offset):
                    return reply, False
                if reference and reply.reference == reference:
                    earlier = reply
            if isinstance(earlier, events.SubmissionAccepted):
                end = min(end, monotonic() + wait / 5)
    return earlier, True


def _replies(consumer: Any) -> Iterator[Reply]:
    for records in consumer.poll(timeout_ms=POLL_MS).values():
        for record in records:
            kind = REPLIES.get(header_map(record.headers).get("ce_type", ""))
            if kind:
                yield kind.FromString(record.value)


@contextmanager
def _consumer(bootstrap: str, topic: str) -> Iterator[Any]:
    """A reader of everything that a topic holds. Raises Misuse when it isn't there."""
    consumer: Any = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    try:
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            raise Misuse(f"no topic {topic}: register the source first (`fengqiao source register`)")
        consumer.assign([TopicPartition(topic, partition) for partition in sorted(partitions)])
        consumer.seek_to_beginning()
        yield consumer
    finally:
        consumer.close()


@contextmanager
def _producer(bootstrap: str) -> Iterator[Any]:
    producer: Any = KafkaProducer(bootstrap_servers=bootstrap)
    try:
        yield producer
    finally:
        producer.close(timeout=5)


def _reference(value: bytes) -> str:
    """The agency's own number, where it can be read; what is wrong with the event, intake says."""
    try:
        reference = json.loads(value)["data"]["reference"]
    except (ValueError, KeyError, TypeError):
        return ""
    return reference if isinstance(reference, str) else ""


def _told(reply: Reply, *, earlier: bool) -> str:
    before = " (the reply given before)" if earlier else ""
    if isinstance(reply, events.SubmissionAccepted):
        facts = {"reference": reply.reference, "case": reply.case_id, "number": reply.request_no}
        return f"accepted{before}\n{text.lines(facts)}"
    wrong = "; ".join(f"{each.field or 'event'}: {each.reason}" for each in reply.violations)
    return f"rejected{before}: {wrong}"
