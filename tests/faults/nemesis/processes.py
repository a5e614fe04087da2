"""Processes that die, stand still, get too little, come and go."""

import contextlib
import os
import resource
import signal

from deploy.local.runtime import SERVICES
from services.chassis.mishaps import Point
from tests.faults.nemesis.scene import Fault, Run, Scene

SESSION_S = 6.0
DESCRIPTORS = 64
SLICE_S = 0.1


def _killing(*names: str) -> Run:
    """SIGKILL one of these again and again."""

    def run(scene: Scene) -> None:
        while scene.wait(scene.chance.uniform(1, 4)):
            scene.stage.kill(scene.chance.choice(names))

    return run


def _crashing(point: Point) -> Run:
    """Services end at a named point, the nth time that they come to it, again and again."""

    def run(scene: Scene) -> None:
        services = ["routing", "intake", "notify"]
        try:
            while True:
                service = scene.chance.choice(services)
                nth = scene.chance.randint(1, 12)
                scene.stage.plan(service, crash={"point": point, "nth": nth}, seed=scene.chance.random())
                if not scene.wait(scene.chance.uniform(3, 6)):
                    return
                scene.stage.plan(service)
        finally:
            for service in services:
                scene.stage.plan(service)

    return run


def _mishaps(what: str) -> Run:
    """1 to 5 % of the calls fail in one of three ways."""

    def run(scene: Scene) -> None:
        for service in (*SERVICES, "routing-worker"):
            share = scene.chance.uniform(0.01, 0.05)
            scene.stage.plan(service, seed=scene.chance.randrange(10**6), **{what: share})
        try:
            scene.last()
        finally:
            for service in (*SERVICES, "routing-worker"):
                scene.stage.plan(service)

    return run


def sends_refused(scene: Scene) -> None:
    """Two fifths of all sends are refused, or sent and not known to be: events come late and out of order."""
    try:
        for service in (*SERVICES, "routing-worker"):
            scene.stage.plan(service, seed=scene.chance.randrange(10**6), broker=0.4)
        scene.last()
    finally:
        for service in (*SERVICES, "routing-worker"):
            scene.stage.plan(service)


def stop_politely(scene: Scene) -> None:
    """SIGTERM: finish, publish, leave."""
    while scene.wait(scene.chance.uniform(2, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(scene.stage.pid(scene.service()), signal.SIGTERM)


def stand_still(scene: Scene) -> None:
    """A service gets no time for a while, keeps its connections, and goes on."""
    with scene.held(scene.chance.choice(("routing", "intake", "notify"))):
        scene.last()


def zombie(scene: Scene) -> None:
    """One of two workers stands still until long after its session ended, and wakes up in mid-batch."""
    with scene.held(scene.chance.choice(("routing", "routing-worker-2"))):
        scene.last()


def rebalance_storm(scene: Scene) -> None:
    """A second worker of routing joins and leaves every few seconds."""
    name = "routing-worker-2"
    while scene.wait(scene.chance.uniform(1, 3)):
        if scene.chance.random() < 0.5:
            scene.stage.kill(name)
            scene.stage.supervisor.stop(name)
        else:
            scene.stage.supervisor.stop(name)
        scene.wait(scene.chance.uniform(0.1, 1))
        scene.stage.supervisor.again(name)


def stopped_amid_a_standstill(scene: Scene) -> None:
    """The store stands still, routing is asked to stop and has to give up what it holds."""
    with scene.held("store"):
        scene.wait(2)
        with contextlib.suppress(ProcessLookupError):
            os.kill(scene.stage.pid("routing"), signal.SIGTERM)
        scene.last()


def killed_amid_a_standstill(scene: Scene) -> None:
    """The store stands still for a little, then who waits for it is killed: again and again."""
    while scene.wait(scene.chance.uniform(1, 2)):
        with scene.held("store"):
            scene.wait(scene.chance.uniform(1.5, 3))
            scene.stage.kill(scene.chance.choice(("routing", "routing", "intake", "notify")))


def few_descriptors(scene: Scene) -> None:
    """No service may open more files than it has, or 64."""
    before: dict[int, tuple[int, int]] = {}
    for service in SERVICES:
        with contextlib.suppress(ProcessLookupError):
            pid = scene.stage.pid(service)
            before[pid] = (_, most) = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            # Whoever lowers the hard limit may not be allowed to raise it again.
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, most))
    try:
        scene.last()
    finally:
        for pid, limits in before.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def little_cpu(scene: Scene) -> None:
    """Two services run a tenth of the time."""
    names = scene.chance.sample(sorted(SERVICES), 2)
    while scene.wait(SLICE_S / 10):
        with scene.held(*names):
            scene.wait(SLICE_S * 9 / 10)


def routing_out(scene: Scene) -> None:
    """Routing is gone for a while: clocks run out, residents say things, and nobody is there."""
    with scene.stopped("routing"):
        scene.last()


def mailbox_away(scene: Scene) -> None:
    """The mail server takes nothing."""
    with scene.held("mailbox"):
        scene.last()


FAULTS = (
    *(Fault(f"kill_{name}", f"{name} killed again and again", _killing(name)) for name in SERVICES),
    Fault("kill_any", "services killed at random", _killing(*SERVICES)),
    *(
        Fault(f"crash_{point}", f"services end {point.replace('_', ' ')}", _crashing(point))
        for point in Point
    ),
    Fault(
        "mishaps_store",
        "1–5 % of store calls: unavailable, timeout, executed and seen as timeout",
        _mishaps("store"),
        20,
    ),
    Fault("mishaps_broker", "1–5 % of sends: refused, or sent and not known to be", _mishaps("broker"), 20),
    Fault("sends_refused", "40 % of sends refused, or sent and not known to be", sends_refused, 20),
    Fault("stop_politely", "services asked to stop, again and again", stop_politely),
    Fault("stand_still", "a service stands still", stand_still, 10),
    Fault(
        "zombie",
        "one of two workers stands still 30 s past its session",
        zombie,
        SESSION_S + 30,
        {"routing_workers": 2},
        mixed=False,
        genuine_broker=True,
    ),
    Fault(
        "rebalance_storm",
        "a worker joins and leaves every 1–3 s",
        rebalance_storm,
        25,
        {"routing_workers": 2},
        mixed=False,
        genuine_broker=True,
    ),
    Fault(
        "stopped_amid_standstill",
        "routing asked to stop while the store stands still",
        stopped_amid_a_standstill,
        20,
    ),
    Fault(
        "killed_amid_standstill",
        "services killed while they wait for the store",
        killed_amid_a_standstill,
        20,
    ),
    Fault("few_descriptors", "64 file descriptors", few_descriptors, 15),
    Fault("little_cpu", "two services with a tenth of the time", little_cpu),
    Fault("routing_out", "routing gone while clocks run out and residents act", routing_out, 8),
    Fault("mailbox_away", "the mail server stands still", mailbox_away),
)
