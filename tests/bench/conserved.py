"""After kills: what the checker of the faults finds broken."""

from collections.abc import Collection

from services.chassis.clock import monotonic
from tests.bench.stage import Stage
from tests.faults import conserved

HOLDS_S = 60.0


def violations(place: Stage, accepted: Collection[str]) -> list[str]:
    """What is broken, in words; asked again while things may still be on their way. `accepted` are the
    request numbers that clients were told.
    """
    end = monotonic() + HOLDS_S
    while True:
        found = conserved.violations(place.running, place.runtime.options.sites, accepted)
        if not found or monotonic() > end:
            return found
