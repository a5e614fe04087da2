"""Whether a house at rest has lost, doubled, reordered or left over anything, by what clients were told."""

from collections.abc import Collection
from pathlib import Path

from deploy.local.runtime import Running
from tests.faults.evidence import evidence_of
from tests.faults.history import History
from tests.faults.invariants import OF_ANY_SITE, look_at


def violations(running: Running, sites: Path, accepted: Collection[str]) -> list[str]:
    """What does not hold, in words: numbers against `accepted`, the request numbers that clients were told,
    and what holds of any site.
    """
    evidence = evidence_of(running, sites, History(()))
    requests = evidence.of("intake", "requests").values()
    numbers = [raw["state"]["request_no"] for raw in requests if raw["state"]]
    tally = look_at(evidence, OF_ANY_SITE)
    told = [f"{v.invariant} {v.case}: {v.text}" for v in tally.violations]
    told += [f"{number}: accepted, and no request" for number in sorted(set(accepted) - set(numbers))]
    told += [f"{number}: a request nobody made" for number in sorted(set(numbers) - set(accepted))]
    return told + ["a number twice"] * (len(numbers) != len(set(numbers)))
