"""Many deadlines at once."""

from tests.faults.nemesis.scene import Fault, Scene

SUBMITS_PER_S = 80


def herd(scene: Scene) -> None:
    """Many cases promised for the same second."""
    scene.herd(due_in=scene.size / SUBMITS_PER_S + 8)
    scene.last()


def herd_after_an_outage(scene: Scene) -> None:
    """Routing is gone while many cases come and all of their clocks run out."""
    with scene.stopped("routing"):
        scene.herd()
        scene.last()


def two_builds(scene: Scene) -> None:
    """A rolling restart: workers of the old build and of the new one come and go side by side."""
    names = ["routing", "routing-worker-2"]
    while scene.wait(scene.chance.uniform(3, 5)):
        name = scene.chance.choice(names)
        scene.stage.supervisor.stop(name)
        scene.wait(1)
        scene.stage.supervisor.again(name)


FAULTS = (
    Fault("herd", "many deadlines in one second", herd, 40, mixed=False),
    Fault(
        "herd_after_outage",
        "many deadlines after an outage of routing",
        herd_after_an_outage,
        25,
        mixed=False,
    ),
    Fault(
        "two_builds",
        "old and new build side by side",
        two_builds,
        25,
        {"routing_workers": 2},
        mixed=False,
        genuine_broker=True,
    ),
)
