"""The act without services: a scene that breaks fails by name, and the others go on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fengqiao.common.v1 import operations_service_pb2 as operations
from fengqiao.notify.v1 import notify_service_pb2 as notify
from services.chassis.protobuf import timestamp
from services.cli.demo.rest import unrest
from services.cli.demo.second import show, texts
from services.cli.demo.second.act import START, Act, NotPlayable, Play, Played
from services.cli.demo.second.days import at
from services.cli.demo.second.scene import Scene

EARLY = datetime(1970, 1, 1, tzinfo=UTC)


class Quiet:
    """A service in which nothing is on its way."""

    def __init__(self, *, replay: bool = True, now: datetime = EARLY, site: str = "jili") -> None:
        self.site = operations.SiteStatus(site_id=site, now=timestamp(now), replay=replay)
        self.moved: list[datetime] = []

    async def GetStatus(self, _request: operations.GetStatusRequest) -> operations.GetStatusResponse:  # noqa: N802 - gRPC's
        return operations.GetStatusResponse(sites=[self.site])

    async def MoveReplayClock(self, request: operations.MoveReplayClockRequest) -> None:  # noqa: N802 - gRPC's
        self.moved.append(request.to.ToDatetime(tzinfo=UTC))


class Nobody:
    """Calls whom they are told to; nobody has notices."""

    async def asks(self, method: Any, request: Any) -> Any:
        return await method(request)

    async def does(self, _request: Any) -> notify.ListDeliveriesResponse:
        return notify.ListDeliveriesResponse()


class EmptyTown:
    def __init__(self, service: Quiet) -> None:
        self.operations = {"routing": service}

    def operator(self) -> Nobody:
        return Nobody()


class Unseen:
    def show(self, scenes: Sequence[Scene], scene: Scene) -> None: ...


async def play(service: Quiet, **plays: Play) -> Played:
    town: Any = EmptyTown(service)
    return await Act(town, Unseen(), plays).play()


async def good(scene: Scene) -> None:
    await scene.clock.until(at(8, 3, 9))
    scene.check("two and two", 2 + 2, 4)


async def wrong(scene: Scene) -> None:
    await scene.clock.until(at(8, 3, 9))
    scene.check("two and two", 2 + 2, 5)
    scene.holds("the moon is cheese", found=False)


async def broken(_scene: Scene) -> None:
    raise ZeroDivisionError("by zero")


async def test_a_scene_fails_by_the_name_of_what_does_not_hold_and_the_others_go_on(tmp_path: Path) -> None:
    service = Quiet()
    played = await play(service, drain=good, petition=wrong, quarrel=broken)
    assert [scene.name for scene in played.failed] == ["petition", "quarrel"]
    assert service.moved == [at(8, 3, 9)]
    words = texts.read(texts.ENGLISH)
    with (tmp_path / "out").open("w+", encoding="utf-8") as file:
        show.summary(Console(file=file, width=300), words, played)
        file.seek(0)
        shown = file.read()
    assert "A petition to its opinion: two and two: 4 instead of 5" in shown
    assert "A petition to its opinion: the moon is cheese: it is not so" in shown
    assert "Mother- and daughter-in-law: it plays to its end: ZeroDivisionError: by zero" in shown
    assert (shown.count("PASS"), shown.count("FAIL")) == (1, 2)


@pytest.mark.parametrize(
    ("service", "why"),
    [
        (Quiet(site="boston"), "no site jili"),
        (Quiet(replay=False), "wall clock"),
        (Quiet(now=at(12, 1, 9)), "fresh runtime"),
    ],
)
async def test_where_it_can_not_be_played_it_says_why(service: Quiet, why: str) -> None:
    with pytest.raises(NotPlayable, match=why):
        await play(service, drain=good)
    assert not service.moved


async def test_a_clock_that_stands_at_the_beginning_will_do() -> None:
    assert not (await play(Quiet(now=START), drain=good)).failed


def test_rest_names_what_is_on_its_way() -> None:
    status = operations.GetStatusResponse(outbox_waiting=2, due_unfired=1, lag={"a": 3, "b": 4})
    assert unrest({"routing": status}) == [
        "routing: 7 records to consume",
        "routing: 2 outboxes to publish",
        "routing: 1 deadlines to fire",
    ]
    assert len(unrest({"routing": status}, outboxes=False)) == 2
    assert not unrest({"routing": operations.GetStatusResponse()})
