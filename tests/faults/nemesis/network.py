"""Links between services and their parts that break or lie."""

from deploy.local.runtime import SERVICES
from tests.faults.nemesis.scene import Fault, Run, Scene
from tests.faults.proxy import FINE, PARTED, Weather

LINKED = {"links": True}
FLAP_S = (0.5, 2.5)
AMID_FITS = ("routing", "intake")


def _weather(weather: Weather, *, everywhere: bool = False) -> Run:
    """One service's links to its store and its brokers, or everybody's."""

    def run(scene: Scene) -> None:
        names = _links(scene, everywhere=everywhere)
        scene.stage.wires.turn(names, weather)
        try:
            scene.last()
        finally:
            scene.stage.wires.turn(names, FINE)

    return run


def _links(scene: Scene, *, everywhere: bool) -> list[str]:
    part = scene.chance.choice(("store", "broker"))
    if everywhere:
        return [f"{service}-{each}" for service in SERVICES for each in ("store", "broker")]
    return [f"{scene.chance.choice(('routing', 'intake', 'notify'))}-{part}"]


def loss(scene: Scene) -> None:
    """10 to 30 % of what is sent is lost, and sent again."""
    names = _links(scene, everywhere=True)
    scene.stage.wires.turn(names, Weather(loss=scene.chance.uniform(0.1, 0.3)))
    try:
        scene.last()
    finally:
        scene.stage.wires.turn(names, FINE)


def killed_amid_fits(scene: Scene) -> None:
    """Now and then a call of a store hangs while others pass; then who waits for it is killed."""
    links = {f"{service}-store" for service in AMID_FITS}
    scene.stage.wires.turn(links, Weather(fits=0.04))
    try:
        while scene.wait(scene.chance.uniform(2.5, 4)):
            scene.stage.kill(scene.chance.choice(AMID_FITS))
    finally:
        scene.stage.wires.turn(links, FINE)


def flapping(scene: Scene) -> None:
    """A link that comes and goes."""
    names = _links(scene, everywhere=False)
    try:
        while scene.wait(scene.chance.uniform(*FLAP_S)):
            scene.stage.wires.turn(names, scene.chance.choice((PARTED, Weather(down=True))))
            scene.wait(scene.chance.uniform(*FLAP_S))
            scene.stage.wires.turn(names, FINE)
    finally:
        scene.stage.wires.turn(names, FINE)


FAULTS = (
    Fault("killed_amid_fits", "routing or intake killed while a call hangs", killed_amid_fits, 30, LINKED),
    Fault("partition", "a service parted from its store or its brokers", _weather(PARTED), 15, LINKED),
    Fault(
        "partition_deaf",
        "a service hears nothing of its store or brokers",
        _weather(Weather(deaf=True)),
        15,
        LINKED,
    ),
    Fault(
        "partition_mute",
        "a service is not heard by its store or brokers",
        _weather(Weather(mute=True)),
        15,
        LINKED,
    ),
    Fault("partition_flapping", "a link that comes and goes", flapping, 20, LINKED),
    Fault(
        "connections_reset",
        "every connection of a service refused and reset",
        _weather(Weather(down=True)),
        10,
        LINKED,
    ),
    Fault(
        "latency",
        "100 ms each way on every link",
        _weather(Weather(delay_s=0.1), everywhere=True),
        15,
        LINKED,
    ),
    Fault("loss", "10–30 % of what is sent lost", loss, 15, LINKED),
)
