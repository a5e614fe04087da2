"""Plays the scenes of the second act together, on one clock, and says what became of each."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import grpc

from fengqiao.common.v1 import operations_service_pb2 as operations
from fengqiao.notify.v1 import notify_service_pb2 as notify
from services.chassis.clock import monotonic
from services.chassis.protobuf import instant, timestamp
from services.cli.client.options import line_of
from services.cli.demo.rest import unrest
from services.cli.demo.second.clock import TownClock
from services.cli.demo.second.days import at
from services.cli.demo.second.people import SITE, Town
from services.cli.demo.second.scene import Check, NeverCame, Scene
from services.cli.demo.second.scenes import SCENES

START = at(7, 27, 9)
"""When the first scenes begin; the town's clock must not be past it."""

PLAYED = "it plays to its end"
POLL_S = 0.1
REST_WITHIN_S = 60.0
PENDING = (notify.DELIVERY_STATUS_PENDING, notify.DELIVERY_STATUS_SENDING)


Play = Callable[[Scene], Awaitable[None]]


class NotPlayable(Exception):
    """The town can't play; the message says why, and what to do."""


class View(Protocol):
    """Shows the scenes while they are played."""

    def show(self, scenes: Sequence[Scene], scene: Scene) -> None:
        """Called at each step of a scene."""
        ...


@dataclass(frozen=True, slots=True)
class Played:
    """How the act went."""

    scenes: Sequence[Scene]
    seconds: float
    moves: int

    @property
    def failed(self) -> list[Scene]:
        """The scenes of which something did not hold."""
        return [scene for scene in self.scenes if scene.failed]


class Act:
    """The second act in a town."""

    def __init__(
        self,
        town: Town,
        view: View,
        plays: Mapping[str, Play] = SCENES,
        found: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Its calls go through `town`; `view` is told of each step; `plays` are the scenes by name.

        `found` makes the town's directory, once the clock stands where the first scenes begin.
        """
        self._found = found
        self._town = town
        self._view = view
        self._plays = plays
        self._clock = TownClock(len(plays), self._move)
        self._scenes = [Scene(name, town, self._clock, self._told) for name in plays]

    async def play(self) -> Played:
        """Play all scenes.

        Raises:
            NotPlayable: the town has no replay clock, or it is past the beginning.
        """
        await self._check_clock()
        started = monotonic()
        await asyncio.gather(*(self._play(scene) for scene in self._scenes))
        await self._until_none(self._unrest)
        for scene in self._scenes:
            scene.notices = await self._notices(scene)
        return Played(self._scenes, monotonic() - started, self._clock.moves)

    async def _play(self, scene: Scene) -> None:
        """One scene; what goes wrong in it is a check of it that fails, and the others go on."""
        try:
            await self._plays[scene.name](scene)
        except NeverCame as error:
            scene.checks.append(Check(PLAYED, str(error)))
        except grpc.aio.AioRpcError as error:
            scene.checks.append(Check(PLAYED, line_of(error)))
        except Exception as error:  # noqa: BLE001 - a scene that breaks must not stop the clock of the others
            scene.checks.append(Check(PLAYED, f"{type(error).__name__}: {error}"))
        finally:
            scene.ended = True
            self._told(scene)
            self._clock.leave()

    async def _check_clock(self) -> None:
        status = (await self._statuses())["routing"]
        here = [site for site in status.sites if site.site_id == SITE]
        if not here:
            raise NotPlayable(f"there is no site {SITE} to play in")
        if not here[0].replay:
            raise NotPlayable(
                f"{SITE} runs on the wall clock, and the act needs months: "
                "start it with `fengqiao up --replay`"
            )
        if instant(here[0].now) > START:
            raise NotPlayable(
                f"{SITE} stands at {here[0].now.ToJsonString()}, after the act's beginning: "
                "it needs a fresh runtime (`fengqiao up --replay --fresh`)"
            )

    async def _move(self, moment: datetime) -> None:
        """Set the clocks of all services, and wait until what is due has fired. What comes of it in another
        service is on its way then: scenes wait for what they tell.
        """
        request = operations.MoveReplayClockRequest(site_id=SITE, to=timestamp(moment))
        operator = self._town.operator()
        for service in self._town.operations.values():
            await operator.asks(service.MoveReplayClock, request)
        found, self._found = self._found, None
        if found:
            await found()
        await self._until_none(self._unfired)

    async def _unfired(self) -> list[str]:
        return unrest(await self._statuses(), outboxes=False)

    async def _unrest(self) -> list[str]:
        return unrest(await self._statuses()) or await self._untold()

    async def _until_none(self, left_over: Callable[[], Awaitable[list[str]]]) -> None:
        end = monotonic() + REST_WITHIN_S
        while left := await left_over():
            if monotonic() > end:
                raise NeverCame(f"rest: {'; '.join(left)}")
            await asyncio.sleep(POLL_S)

    async def _statuses(self) -> Mapping[str, operations.GetStatusResponse]:
        operator, services = self._town.operator(), self._town.operations
        request = operations.GetStatusRequest()
        answers = await asyncio.gather(*(operator.asks(s.GetStatus, request) for s in services.values()))
        return dict(zip(services, answers, strict=True))

    async def _untold(self) -> list[str]:
        """Notices that are still to be sent."""
        operator = self._town.operator()
        for status in PENDING:
            request = notify.ListDeliveriesRequest(status=status, page_size=1)
            if (await operator.does(request)).deliveries:
                return ["notify: notices to send"]
        return []

    async def _notices(self, scene: Scene) -> int:
        """How many notices of a scene's case were delivered."""
        if not scene.case_id:
            return 0
        who = scene.listener or self._town.desk()
        request = notify.ListDeliveriesRequest(
            case_id=scene.case_id, status=notify.DELIVERY_STATUS_DELIVERED, page_size=500
        )
        return len((await who.does(request)).deliveries)

    def _told(self, scene: Scene) -> None:
        self._view.show(self._scenes, scene)
