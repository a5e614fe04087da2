"""What an operator asks of any service: status, replay clock, dead letters, resuming after a flood."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from kafka.errors import KafkaError

from fengqiao.common.v1 import operations_service_pb2 as rpc
from fengqiao.common.v1.operations_service_pb2_grpc import (
    OperationsServiceServicer,
    add_OperationsServiceServicer_to_server,
)
from services.chassis import standing
from services.chassis.auth import Role, Rule
from services.chassis.consumer import Collecting, Received
from services.chassis.envelope import header_map
from services.chassis.errors import Infrastructure, Invalid, NotFound, Violation
from services.chassis.glance import Glance
from services.chassis.healer import read_partition
from services.chassis.kinds import obeying
from services.chassis.lateness import LATENESS
from services.chassis.offsets import Backlog
from services.chassis.protobuf import instant, timestamp
from services.chassis.standing import soon
from services.chassis.store import BEHIND, WAITING

if TYPE_CHECKING:
    from services.chassis.service import Service

log = structlog.get_logger()

SERVICE = "/fengqiao.common.v1.OperationsService"
OPERATORS = frozenset({Role.OPERATOR})

OPERATIONS_RULES = {
    f"{SERVICE}/GetStatus": Rule(OPERATORS | {Role.REPLAY}),
    f"{SERVICE}/MoveReplayClock": Rule(OPERATORS | {Role.REPLAY}),
    f"{SERVICE}/ListDeadLetters": Rule(OPERATORS),
    f"{SERVICE}/ReplayDeadLetter": Rule(OPERATORS),
    f"{SERVICE}/DropDeadLetter": Rule(OPERATORS),
    f"{SERVICE}/ResumeConsuming": Rule(OPERATORS),
}

DEFAULT_PAGE = 50

Context = grpc.aio.ServicerContext[Any, Any]
add_operations = add_OperationsServiceServicer_to_server


class Operations(OperationsServiceServicer):
    """Served by every service beside its own RPCs."""

    def __init__(self, service: "Service", collectors: Mapping[str, Collecting]) -> None:
        """`collectors` are the topics that the service only collects from, replayed by collecting again."""
        self._service = service
        self._base = service.base
        self._collectors = collectors
        settings = service.base.settings
        topics = {service.lead_topic, *service.decides_on, *service.collectors}
        self._backlog = Backlog(settings.kafka_bootstrap, settings.group, sorted(topics))
        self._from_store = Glance(lambda: soon(self._figures))
        self._from_broker = Glance(lambda: self._backlog.read([service.base.letters.topic]))

    def close(self) -> None:
        """Ask nothing any more."""
        self._from_store.close()
        self._from_broker.close()
        self._backlog.close()

    async def GetStatus(self, request: rpc.GetStatusRequest, context: Context) -> rpc.GetStatusResponse:
        """Readiness with its reasons, and the figures behind it, those that store and broker give in time."""
        del request, context
        base, worker = self._base, self._service.worker
        figures, offsets = await asyncio.gather(self._from_store.ask(), self._from_broker.ask())
        status = rpc.GetStatusResponse()
        if figures is None:
            status.unanswered.append("store")
        else:
            status.CopyFrom(figures)
        status.service, status.build = base.settings.service, base.settings.build
        status.ready = base.readiness.ready
        status.reasons.extend(rpc.StatusReason(code=r.code, detail=r.detail) for r in base.readiness.reasons)
        status.lateness_seconds = max(status.lateness_seconds, LATENESS.worst())
        status.clock_skew_seconds = base.wall.skew.total_seconds()
        lag = worker.lag() if worker else {}
        if offsets is None:
            status.unanswered.append("broker")
        else:
            status.dead_letters = sum(offsets.sizes.values())
            # What the process has seen of its own partitions, some brokers don't tell yet.
            lag |= {topic: max(records, lag.get(topic, 0)) for topic, records in offsets.lag.items()}
        status.lag.update(lag)
        return status

    async def MoveReplayClock(
        self, request: rpc.MoveReplayClockRequest, context: Context
    ) -> rpc.MoveReplayClockResponse:
        """Set a replay clock forward."""
        del context
        if self._base.settings.production:
            raise Invalid([Violation("site_id", "no_replay_in_production")])
        now = await self._base.threads.run(self._base.clocks.move, request.site_id, instant(request.to))
        log.info("replay_clock_moved", site=request.site_id)
        return rpc.MoveReplayClockResponse(now=timestamp(now))

    async def ListDeadLetters(
        self, request: rpc.ListDeadLettersRequest, context: Context
    ) -> rpc.ListDeadLettersResponse:
        """Reports from the dead-letter topic, a page at a time; values are not shown."""
        del context
        if request.page_token and not request.page_token.isdigit():
            raise Invalid([Violation("page_token", "not_a_token_of_ours")])
        start, size = int(request.page_token or 0), request.page_size or DEFAULT_PAGE
        reports = await self._base.threads.run(self._read_letters, start)
        page = reports[:size]
        token = str(page[-1].offset + 1) if len(reports) > size else ""
        letters = [to_letter(record) for record in page]
        await self._mark_open(letters)
        return rpc.ListDeadLettersResponse(dead_letters=letters, next_page_token=token)

    async def ReplayDeadLetter(
        self, request: rpc.ReplayDeadLetterRequest, context: Context
    ) -> rpc.ReplayDeadLetterResponse:
        """Heal now: apply what the aggregate missed, from the source topic."""
        del context
        log.info("dead_letter_replay", topic=request.source_topic)
        if request.source_topic in self._collectors:
            await self._collect_again(request.aggregate_id, request.source_topic)
            return rpc.ReplayDeadLetterResponse(healed=True)
        healed = await self._base.healer.heal(request.aggregate_id, request.source_topic)
        reason = "" if healed else await self._reason(request.aggregate_id, request.source_topic)
        return rpc.ReplayDeadLetterResponse(healed=healed, reason=reason)

    async def DropDeadLetter(
        self, request: rpc.DropDeadLetterRequest, context: Context
    ) -> rpc.DropDeadLetterResponse:
        """Give up one event for good."""
        del context
        log.warning("dead_letter_dropped", topic=request.source_topic, sequence=request.sequence)
        healed = await self._base.healer.drop(request.aggregate_id, request.source_topic, request.sequence)
        reason = "" if healed else await self._reason(request.aggregate_id, request.source_topic)
        return rpc.DropDeadLetterResponse(healed=healed, reason=reason)

    async def ResumeConsuming(
        self, request: rpc.ResumeConsumingRequest, context: Context
    ) -> rpc.ResumeConsumingResponse:
        """End a stop that a flood caused."""
        del request, context
        await self._base.threads.run(self._base.flood.resume)
        return rpc.ResumeConsumingResponse()

    def _figures(self) -> rpc.GetStatusResponse:
        base = self._base
        moments, wall = base.clocks.read(), base.wall.now()
        waiting_since = standing.oldest_waiting(base.kinds)
        due = standing.oldest_due(base.kinds, moments, wall)
        late = [wall - each.due_at for (site, _), each in due.items() if not moments[site].replay]
        return rpc.GetStatusResponse(
            sites=[
                rpc.SiteStatus(site_id=site, now=timestamp(moment.now), replay=moment.replay)
                for site, moment in moments.items()
            ],
            behind=standing.count(base.kinds, BEHIND),
            outbox_waiting=standing.count(base.kinds, WAITING) if waiting_since else 0,
            due_unfired=standing.count_due(base.kinds, moments, wall, due),
            aggregates=sum(kind.committer.repository.size() for kind in base.kinds),
            figures=self._service.figures(),
            outbox_age_seconds=(wall - waiting_since).total_seconds() if waiting_since else 0.0,
            lateness_seconds=max(late).total_seconds() if late else 0.0,
        )

    def _read_letters(self, start: int) -> list[Received]:
        try:
            return read_partition(self._base.settings.kafka_bootstrap, self._base.letters.topic, 0, start)
        except KafkaError as error:
            raise Infrastructure(f"broker: {type(error).__name__}") from error

    async def _collect_again(self, aggregate_id: str, topic: str) -> None:
        for partition in range(self._base.settings.partitions):
            records = await self._base.threads.run(
                self._base.reader.read, topic, partition, 0, frozenset({aggregate_id})
            )
            if records:
                await self._collectors[topic].take(records)

    async def _mark_open(self, letters: Sequence[rpc.DeadLetter]) -> None:
        """Say of each letter whether its aggregate still waits for the event."""
        for kind in self._base.kinds:
            ours = [letter for letter in letters if kind.obeys(letter.source_topic)]
            records = await kind.committer.get(sorted({letter.aggregate_id for letter in ours}))
            for letter in ours:
                record, topic = records.get(letter.aggregate_id), letter.source_topic
                sequence = letter.event_id.rpartition("/")[2]
                if record is not None and topic in record.behind and sequence.isdigit():
                    seen = record.seen.get(topic)
                    letter.open = int(sequence) > (seen.sequence if seen else 0)

    async def _reason(self, aggregate_id: str, topic: str) -> str:
        kind = obeying(self._base.kinds, topic)
        record = (await kind.committer.get([aggregate_id])).get(aggregate_id) if kind else None
        if record is None:
            raise NotFound("no such aggregate")
        mark = record.behind.get(topic)
        return mark.reason if mark else "not_behind"


def to_letter(record: Received) -> rpc.DeadLetter:
    """A report as operators see it."""
    headers: dict[str, Any] = record.headers or header_map(None)
    letter = rpc.DeadLetter(
        id=f"{record.partition}-{record.offset}",
        reason=headers.get("dead-reason", ""),
        aggregate_id=headers.get("dead-aggregate", ""),
        source_topic=headers.get("dead-topic", ""),
        source_partition=int(headers.get("dead-partition", "0")),
        source_offset=int(headers.get("dead-offset", "0")),
        event_id=headers.get("ce_id", ""),
        event_type=headers.get("ce_type", ""),
        size=int(headers.get("dead-size", "0")),
    )
    letter.reported_at.FromJsonString(headers.get("dead-reported", "1970-01-01T00:00:00Z"))
    return letter
