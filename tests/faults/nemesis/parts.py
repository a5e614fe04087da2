"""Broker and store that die, stand still or have no room."""

from functools import partial
from pathlib import Path

from deploy.local.supervisor import State
from tests.faults.nemesis.scene import Fault, Scene
from tests.faults.stage import no_mounts
from tests.waiting import until

BACK_S = 60.0
BOUNCES = 5
BLOCK = b"\0" * (1024 * 1024)


def broker_bounce(scene: Scene) -> None:
    """One of the brokers is killed, five times; each time all are back before the next goes."""
    for _ in range(BOUNCES):
        if not scene.wait(scene.chance.uniform(1, 3)):
            return
        name = scene.chance.choice(scene.stage.brokers)
        scene.stage.kill(name)
        until(partial(_is, scene, name, ready=False), BACK_S, f"the death of {name}")
        until(partial(_is, scene, name, ready=True), BACK_S, f"{name} back")


def _is(scene: Scene, name: str, *, ready: bool) -> bool:
    return (scene.stage.supervisor.status(name).state is State.READY) == ready


def brokers_away(scene: Scene) -> None:
    """No broker at all for a while: intake keeps accepting."""
    with scene.stopped(*scene.stage.brokers):
        scene.last()


def broker_stands_still(scene: Scene) -> None:
    """A broker keeps its connections and answers nobody."""
    with scene.held(scene.chance.choice(scene.stage.brokers)):
        scene.last()


def broker_killed(scene: Scene) -> None:
    """SIGKILL of one broker."""
    scene.stage.kill(scene.chance.choice(scene.stage.brokers))
    scene.last()


def store_killed(scene: Scene) -> None:
    """SIGKILL of the store, again and again: nothing that was acknowledged may be gone."""
    while scene.wait(scene.chance.uniform(2, 5)):
        scene.stage.kill("store")


def store_stands_still(scene: Scene) -> None:
    """The store keeps its connections and answers nobody."""
    with scene.held("store"):
        scene.last()


def _full(folder: str, scene: Scene) -> None:
    disk = Path(scene.stage.running.data_dir) / folder
    ballast = disk / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(BLOCK)
            except OSError:
                scene.note("full", disk=folder, ballast=ballast.stat().st_size)
        scene.last()
    finally:
        ballast.unlink(missing_ok=True)


def store_full(scene: Scene) -> None:
    """The store's disk has no room, then it has again.

    mongod ends itself when it cannot write; SecantusDB stays up after its panic and refuses every write,
    so that whoever frees the disk has to restart it as well.
    """
    _full("store", scene)
    scene.stage.kill("store")


def broker_full(scene: Scene) -> None:
    """The brokers' disk has no room, then it has again."""
    _full("kafka", scene)


FAULTS = (
    Fault(
        "broker_bounce",
        "one of three brokers killed, five times",
        broker_bounce,
        180,
        {"brokers": 3},
        mixed=False,
        genuine_broker=True,
    ),
    Fault(
        "brokers_away",
        "no broker for 20 s (2 min in full)",
        brokers_away,
        20,
        mixed=False,
        genuine_broker=True,
        alone_is_slow=120,
    ),
    Fault("broker_kill", "a broker killed", broker_killed, 10, genuine_broker=True),
    Fault("broker_stands_still", "a broker stands still", broker_stands_still, 12),
    Fault("store_kill", "the store killed again and again", store_killed, 15),
    Fault(
        "store_forgets",
        "the store killed again and again; what nobody asked it to journal is gone",
        store_killed,
        15,
        {"links": True, "forgetful": True},
        mixed=False,
    ),
    Fault("store_stands_still", "the store stands still", store_stands_still, 12, alone_is_slow=60),
    Fault(
        "store_full",
        "the store's disk is full, then free",
        store_full,
        10,
        {"small_disks": True},
        no_mounts,
        mixed=False,
    ),
    Fault(
        "broker_full",
        "the brokers' disk is full, then free",
        broker_full,
        10,
        {"small_disks": True},
        no_mounts,
        mixed=False,
        genuine_broker=True,
    ),
)
