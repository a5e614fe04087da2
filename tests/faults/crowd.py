"""The clients: residents at the counter, handlers. They speak public interfaces alone, write down what they
did and were told, and know nothing of faults.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from deploy.local.runtime import Running
from fengqiao.common.v1.common_pb2 import CommandMeta
from fengqiao.intake.v1 import intake_service_pb2 as intake
from fengqiao.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.routing_service_pb2_grpc import RoutingServiceStub
from services.chassis import client
from services.chassis.clock import monotonic
from services.chassis.protobuf import timestamp
from services.cli.calls import AWAY
from tests.faults import canaries
from tests.faults.history import Journal

SITE, STREET = "faults", "faults"
NEIGHBOURS = tuple(f"faults/c1/s1/n{n}" for n in (1, 2, 3, 4))
KINDS = ("noise.night", "drain.blocked", "light.out")
REFERRED = ("dispute.wall", "petition.land")
DEADLINE_S = 10.0
PATIENCE_S = 240.0
ON_ITS_WAY_S = 45.0
"""How long a client believes that a case is still on its way."""
LONGEST_PAUSE_S = 1.5
NOT_YET = "not_yet_routed"
WALKS_AWAY = 0.04
"""Share of the unanswered calls that are never repeated: nobody ever learns what became of them."""

TIERS = 4
HERD_AT_ONCE = 48


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked: `pace` cases a second, each tier's clock `clock_s` long; `plans` are weights."""

    pace: float = 5.0
    agency: float = 0.0
    """Events an agency sends a second; 0: a quarter of `pace`."""
    clock_s: float = 1.2
    plans: Mapping[str, int] = field(
        default_factory=lambda: {
            "climb": 35,
            "settle": 15,
            "race": 25,
            "withdraw": 10,
            "ask_up": 10,
            "refer": 5,
        }
    )


class Crowd:
    """Make it in the event loop; `run` opens cases until `close`, `finish` waits for what is under way."""

    def __init__(self, running: Running, journal: Journal, load: Load, seed: str) -> None:
        """`seed` decides who does what."""
        self._running = running
        self.journal = journal
        self.load = load
        self._random = random.Random(f"crowd/{seed}")
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()
        self._persons: list[str] = []
        self.broken: list[str] = []
        options = [("grpc.max_reconnect_backoff_ms", 1000), ("grpc.initial_reconnect_backoff_ms", 200)]
        self._channels = [
            grpc.aio.insecure_channel(running.rpc[name], options=options) for name in ("intake", "routing")
        ]
        self._intake = IntakeServiceStub(self._channels[0])
        self._routing = RoutingServiceStub(self._channels[1])

    async def run(self) -> None:
        """Open cases at the pace that is wanted."""
        began, number = monotonic(), 0
        while not self._closed.is_set():
            self.start(self._case(random.Random(self._random.random())))
            number += 1
            try:
                async with asyncio.timeout(max(began + number / self.load.pace - monotonic(), 0)):
                    await self._closed.wait()
            except TimeoutError:
                continue

    def close(self) -> None:
        """Open no more cases."""
        self._closed.set()

    @property
    def under_way(self) -> int:
        """How many cases somebody still has to do with."""
        return len(self._tasks)

    async def finish(self, patience_s: float) -> bool:
        """Wait for what is under way; False when something did not come to its end in time."""
        self.close()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=patience_s)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            return not left
        return True

    async def disconnect(self) -> None:
        """Close the channels."""
        for channel in self._channels:
            await channel.close()

    def start(self, work: Awaitable[None]) -> None:
        """Do something beside everything else; what it raises is a fault of the house or of the test."""

        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - told at the end of the run
                self.broken.append(f"{type(error).__name__}: {error}"[:300])

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- a case ------------------------------------------------------------------------------------------

    async def _case(self, chance: random.Random) -> None:
        plan = chance.choices(list(self.load.plans), list(self.load.plans.values()))[0]
        person = await self._person(chance)
        if person is None:
            return
        submitted_at = monotonic()
        kinds = REFERRED if plan == "refer" else KINDS
        case_id = await self._submit(chance, chance.choice(kinds), person)
        if case_id:
            await PLANS[plan](self, case_id, chance, submitted_at)

    async def _climb(self, case_id: str, chance: random.Random, submitted_at: float) -> None:
        await self._until(submitted_at + TIERS * self.load.clock_s + chance.uniform(0.3, 1.5))
        if await self._resolve(case_id):
            await self._afterwards(case_id, chance)

    async def _settle(self, case_id: str, chance: random.Random, submitted_at: float) -> None:
        await asyncio.sleep(chance.uniform(0, 3 * self.load.clock_s))
        if await self._handle("accept", case_id, self._routing.AcceptCase, routing.AcceptCaseRequest):
            await asyncio.sleep(chance.uniform(0, self.load.clock_s))
        if await self._resolve(case_id):
            await self._afterwards(case_id, chance)

    async def _race(self, case_id: str, chance: random.Random, submitted_at: float) -> None:
        """Somebody acts at the very moment at which a clock runs out."""
        clock = chance.randint(1, TIERS)
        await self._until(submitted_at + clock * self.load.clock_s + chance.uniform(-0.05, 0.35))
        deed = chance.choice((self._resolve, self._accept, self._withdraw, self._ask_up))
        await deed(case_id)
        if deed != self._resolve:
            await self._until(submitted_at + TIERS * self.load.clock_s + chance.uniform(-0.1, 0.5))
            await self._resolve(case_id)

    async def _withdrawn(self, case_id: str, chance: random.Random, submitted_at: float) -> None:
        await asyncio.sleep(chance.uniform(0, TIERS * self.load.clock_s))
        await self._withdraw(case_id)

    async def _asked_up(self, case_id: str, chance: random.Random, submitted_at: float) -> None:
        for _ in range(chance.randint(1, 3)):
            await asyncio.sleep(chance.uniform(0, self.load.clock_s))
            await self._ask_up(case_id)
        await self._until(submitted_at + TIERS * self.load.clock_s + chance.uniform(-0.1, 0.5))
        await self._resolve(case_id)

    async def _referred(self, case_id: str, chance: random.Random, submitted_at: float) -> None:
        """Mediation or petition has it; the resident's wish is relayed there and back."""
        await asyncio.sleep(chance.uniform(0, 2 * self.load.clock_s))
        await chance.choice((self._withdraw, self._ask_up))(case_id)

    async def _afterwards(self, case_id: str, chance: random.Random) -> None:
        choice = chance.random()
        if choice < 0.3:
            await self._ask(
                "rate", case_id, self._intake.RateOutcome, intake.RateOutcomeRequest,
                rating=4, solved=True, comment=canaries.text("comment"), patient={"illegal_transition"},
            )  # fmt: skip
        elif choice < 0.5:
            done = await self._ask(
                "reopen", case_id, self._intake.ReopenRequest, intake.ReopenRequestRequest,
                reason="came_back", patient={"illegal_transition"},
            )  # fmt: skip
            if done:
                await asyncio.sleep(chance.uniform(0.5, TIERS * self.load.clock_s))
                await self._resolve(case_id)

    async def herd(self, size: int, due_in: float | None = None, kind: str = "") -> list[str]:
        """Many cases at once, which nobody follows up; `due_in`: all are promised for the same instant.

        Returns those that were answered.
        """
        due = timestamp(datetime.fromtimestamp(round(time.time() + due_in), UTC)) if due_in else None
        at_once = asyncio.Semaphore(HERD_AT_ONCE)

        async def one(chance: random.Random) -> str:
            async with at_once:
                return await self._submit(chance, kind or chance.choice(KINDS), "", due)

        chances = [random.Random(self._random.random()) for _ in range(size)]
        return [case for case in await asyncio.gather(*map(one, chances)) if case]

    # -- what people do ----------------------------------------------------------------------------------

    async def _person(self, chance: random.Random) -> str | None:
        if self._persons and chance.random() < 0.7:
            return chance.choice(self._persons)
        request = intake.PutContactRequest(
            meta=_meta(), site_id=SITE, contact=intake.Contact(**canaries.contact())
        )
        answer = await self.call("put_contact", self._intake.PutContact, request, self._clerk())
        if answer is None:
            return chance.choice(self._persons) if self._persons else None
        self._persons.append(answer.person_ref)
        return str(answer.person_ref)

    async def _submit(
        self, chance: random.Random, kind: str, person: str, due: Timestamp | None = None
    ) -> str:
        body = intake.RequestBody(
            site_id=SITE,
            kind=kind,
            unit_id=chance.choice(NEIGHBOURS),
            channel="counter",
            title=canaries.text("title"),
            description=canaries.text("description") + "x" * 300,
            attributes={f"attribute_{n}": canaries.text("value") for n in range(3)},
            person_ref=person,
            due_at=due,
        )
        request = intake.SubmitRequestRequest(meta=_meta(), request=body)
        answer = await self.call("submit", self._intake.SubmitRequest, request, self._clerk())
        if answer is not None and chance.random() < 0.1:
            # Somebody presses the button twice.
            await self.call("submit", self._intake.SubmitRequest, request, self._clerk())
        return str(answer.case_id) if answer is not None else ""

    async def _accept(self, case_id: str) -> bool:
        return await self._handle("accept", case_id, self._routing.AcceptCase, routing.AcceptCaseRequest)

    async def _resolve(self, case_id: str) -> bool:
        return await self._handle(
            "resolve", case_id, self._routing.ResolveCase, routing.ResolveCaseRequest,
            outcome="agreed", note=canaries.text("note"),
        )  # fmt: skip

    async def _withdraw(self, case_id: str) -> bool:
        return await self._ask(
            "withdraw", case_id, self._intake.WithdrawRequest, intake.WithdrawRequestRequest,
            reason="settled_elsewhere",
        )  # fmt: skip

    async def _ask_up(self, case_id: str) -> bool:
        return await self._ask(
            "ask_up", case_id, self._intake.RequestEscalation, intake.RequestEscalationRequest,
            reason="too_slow",
        )  # fmt: skip

    async def _ask(
        self, op: str, case_id: str, method: Any, kind: Any, *, patient: set[str] | None = None, **fields: Any
    ) -> bool:
        request = kind(meta=_meta(), case_id=case_id, **fields)
        return await self.call(op, method, request, self._clerk(), case_id, patient or set()) is not None

    async def _handle(self, op: str, case_id: str, method: Any, kind: Any, **fields: Any) -> bool:
        request = kind(meta=_meta(), case_id=case_id, **fields)
        token = self._running.issuer.mint("handler", "leader-street", SITE, (STREET,))
        return await self.call(op, method, request, token, case_id, {NOT_YET}) is not None

    def _clerk(self) -> str:
        return self._running.issuer.mint("clerk", "clerk-1", SITE, ("*",))

    # -- a call ------------------------------------------------------------------------------------------

    async def call(
        self,
        op: str,
        method: Callable[..., Any],
        request: Any,
        token: str,
        case_id: str = "",
        patient: set[str] | None = None,
    ) -> Any:
        """Call until answered, with the same key; None when refused, or when the caller walked away.

        `patient`: reasons of refusal that pass, since the case is on its way through Kafka.
        """
        began, pause = monotonic(), 0.05
        key = request.meta.idempotency_key
        while True:
            call = self.journal.write("invoke", op, key=key, case=case_id)
            try:
                answer = await method(request, metadata=client.bearer(token), timeout=DEADLINE_S)
            except grpc.aio.AioRpcError as error:
                reason = client.details_of(error)[0]
                again = bool(patient) and (
                    reason in (patient or ()) or error.code() is grpc.StatusCode.NOT_FOUND
                )
                told = {
                    "call": call,
                    "key": key,
                    "case": case_id,
                    "code": error.code().name,
                    "reason": reason,
                }
                away = error.code() in AWAY or error.code() is grpc.StatusCode.UNKNOWN
                self.journal.write("info" if away else "fail", op, **told)
                if not (away or again) or monotonic() > began + (PATIENCE_S if away else ON_ITS_WAY_S):
                    return None
                if away and self._random.random() < WALKS_AWAY:
                    return None
            else:
                case = getattr(answer, "case_id", "") or case_id
                number = getattr(answer, "request_no", "")
                self.journal.write("ok", op, call=call, key=key, case=case, number=number)
                return answer
            await asyncio.sleep(pause * (0.5 + random.random()))
            pause = min(pause * 1.5, LONGEST_PAUSE_S)

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(at - monotonic(), 0))


PLANS: Mapping[str, Callable[[Crowd, str, random.Random, float], Awaitable[None]]] = {
    "climb": Crowd._climb,
    "settle": Crowd._settle,
    "race": Crowd._race,
    "withdraw": Crowd._withdrawn,
    "ask_up": Crowd._asked_up,
    "refer": Crowd._referred,
}


def _meta() -> CommandMeta:
    return CommandMeta(idempotency_key=str(uuid.uuid4()))
