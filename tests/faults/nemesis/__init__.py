"""The faults by name, and the schedule that a seed makes of them."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.nemesis import clocks, herds, network, parts, processes, topics
from tests.faults.nemesis.scene import Fault, Scene

__all__ = ["ELSEWHERE", "FAULTS", "Fault", "Planned", "Scene", "schedule"]

FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for group in (processes, parts, network, clocks, topics, herds)
    for fault in group.FAULTS
}

ELSEWHERE: Mapping[str, str] = {
    "clock of the store": "services see the same skew when all their clocks are moved (clock_ahead_all)",
    "10 % CPU and small memory by cgroup": "cgroups may be read-only; little_cpu stops and starts instead",
    "network namespaces, netem": "they need root and kernel modules; the proxy of each link does the same",
    "blocked webhook": "there are no webhooks yet",
    "certificates, tokens of others": "they come with a later issue",
    "an hour's outage in real time": "seconds here; the rule on longer ones is tested with a moved clock",
}
"""What is not done here, and why."""

QUIET_S = 3.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault with its time in a run, in seconds from the beginning."""

    fault: str
    begins: float
    lasts: float


def schedule(seed: int, seconds: float) -> list[Planned]:
    """Faults one after the other and now and then two at a time, all of them over in time."""
    chance = random.Random(f"schedule/{seed}")
    names = sorted(name for name, fault in FAULTS.items() if fault.mixed and fault.lacks() is None)
    planned: list[Planned] = []
    begins = QUIET_S
    while True:
        fault = FAULTS[chance.choice(names)]
        lasts = min(fault.seconds, chance.uniform(4, 14))
        if begins + lasts > seconds - QUIET_S:
            return planned
        planned.append(Planned(fault.name, round(begins, 1), round(lasts, 1)))
        # Sometimes the next one begins before this one ends.
        begins += lasts * chance.choice((0.4, 1, 1, 1)) + chance.uniform(0, 3)
