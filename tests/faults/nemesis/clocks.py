"""Clocks that jump or drift (libfaketime)."""

from tests.faults.nemesis.scene import Fault, Run, Scene
from tests.faults.stage import FAKETIME, GROUPS

CLOCKS = {"clocks": True, "routing_workers": 2}
TRUE = "+0"


def _false_clock(offset: str, *groups: str) -> Run:
    """The clocks of these groups of processes are off by an offset."""

    def run(scene: Scene) -> None:
        for group in groups:
            scene.stage.shift_clock(group, offset)
        try:
            scene.last()
        finally:
            for group in groups:
                scene.stage.shift_clock(group, TRUE)

    return run


def drift(scene: Scene) -> None:
    """The clocks of all go ahead and behind by half a second, each by itself."""
    try:
        while scene.wait(2):
            for group in GROUPS:
                scene.stage.shift_clock(group, f"{scene.chance.uniform(-0.5, 0.5):+.3f}")
    finally:
        for group in GROUPS:
            scene.stage.shift_clock(group, TRUE)


def lacks_faketime() -> str | None:
    """Why clocks can't be moved here."""
    return None if FAKETIME.exists() else f"libfaketime (Debian: libfaketime), {FAKETIME}"


FAULTS = (
    Fault(
        "clock_ahead_one",
        "one sweeper's clock an hour ahead",
        _false_clock("+3600", "routing-worker"),
        15,
        CLOCKS,
        lacks_faketime,
        mixed=False,
    ),
    Fault(
        "clock_behind_one",
        "one sweeper's clock an hour behind",
        _false_clock("-3600", "routing-worker"),
        15,
        CLOCKS,
        lacks_faketime,
        mixed=False,
    ),
    Fault(
        "clock_ahead_all",
        "all clocks an hour ahead of the store's",
        _false_clock("+3600", *GROUPS),
        15,
        CLOCKS,
        lacks_faketime,
        mixed=False,
    ),
    Fault(
        "clock_behind_all",
        "all clocks an hour behind the store's",
        _false_clock("-3600", *GROUPS),
        15,
        CLOCKS,
        lacks_faketime,
        mixed=False,
    ),
    Fault("clock_drift", "every clock ±500 ms off", drift, 20, CLOCKS, lacks_faketime, mixed=False),
)
