"""Every clock fires exactly once unless something stopped it, never early, never after the end (I3, I4, I6).

What is expected is reckoned here anew from the order of a case's events and the length of the site's clocks.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.faults.evidence import Event, Evidence, Tally

ROUTING = "fengqiao.routing.events"
TOP = 4
GRACE_S = 3600.0
SETTLED_S = 10.0
"""What was due so long before the reading has fired, or never will."""
MARGIN_S = 1.0
STOPS = frozenset({"CaseResolved", "CaseWithdrawn", "CaseReferred"})
STARTS = frozenset({"CaseReopened", "CaseTakenBack"})
MS = 0.0005


@dataclass(slots=True)
class Wrong:
    """What does not hold, and of which invariant."""

    invariant: str
    text: str


@dataclass(slots=True)
class Clocks:
    """The clocks of one case as they should be: `running` is the tier whose clock runs, 0 for none."""

    length: float
    running: int = 0
    epoch: int = 0
    due: dict[int, float] = field(default_factory=dict)
    fired: set[tuple[int, int]] = field(default_factory=set)
    ended: bool = False

    def begin(self, tier: int, at: float) -> None:
        """Fresh clocks, one after the other from a tier up to the top."""
        self.epoch += 1
        self.running = tier
        self.ended = False
        self.due = {t: at + (t - tier + 1) * self.length for t in range(tier, TOP + 1)}

    def promised(self, tier: int, at: float, due: float) -> None:
        """Clocks that share a promised time: equal parts in whole seconds, the last one the time itself."""
        self.begin(tier, at)
        tiers = TOP - tier + 1
        share = (due - at) / tiers
        self.due = {t: at + math.floor(share * (t - tier + 1) + MS / 10) for t in range(tier, TOP)} | {
            TOP: due
        }

    def fire(self, event: Event) -> Iterator[Wrong]:
        """An event says that a clock ran out."""
        message = event.message
        told = (message.clock, message.epoch)  # type: ignore[attr-defined]  # both kinds of firing have them
        fired_at = message.fired_at.ToMicroseconds() / 1e6  # type: ignore[attr-defined]  # as above
        tier = int(str(told[0]).removeprefix("tier-"))
        if (tier, told[1]) in self.fired:
            yield Wrong("I3", f"{told} fired twice")
            return
        self.fired.add((tier, int(told[1])))
        if not self.running:
            yield Wrong("I6" if self.ended else "I3", f"{told} fired, and no clock runs")
            return
        if (tier, told[1]) != (self.running, self.epoch):
            yield Wrong("I3", f"{told} fired, and tier-{self.running} of epoch {self.epoch} runs")
            return
        due = self.due[tier]
        if abs(event.at - due) > MS:
            yield Wrong("I3", f"{told} fired for {event.at:.3f}, and was due at {due:.3f}")
        if not fired_at > due:
            yield Wrong("I4", f"{told} fired at {fired_at:.3f}, due only at {due:.3f}")
        if fired_at - due > GRACE_S:
            self.due = {t: when + (fired_at - due if t > tier else 0) for t, when in self.due.items()}
        self.running = tier + 1 if tier < TOP else 0

    def overdue(self, before: float) -> Iterator[Wrong]:
        """What should have fired before a time."""
        if self.running and self.due[self.running] < before - MS:
            late = before - self.due[self.running]
            told = f"tier-{self.running} of epoch {self.epoch}"
            yield Wrong("I3", f"{told} did not fire, {late:.3f} s after its due time")
            self.running = 0


def walk(events: Iterable[Event], length: float, end: float) -> Iterator[Wrong]:
    """What is wrong with the clocks of one case, from its events in order."""
    clocks = Clocks(length)
    for event in events:
        message = event.message
        if getattr(message, "clock", ""):
            yield from clocks.fire(event)
            continue
        # Rule: what was due strictly before a thing happened, and before it was recorded, fires first.
        yield from clocks.overdue(min(event.at, event.recorded))
        if event.name == "CaseRouted" and message.due_promised:  # type: ignore[attr-defined]  # it has
            due = message.due_at.ToMicroseconds() / 1e6  # type: ignore[attr-defined]  # as above
            clocks.promised(_tier(event), event.at, due)
        elif event.name == "CaseRouted" or event.name in STARTS:
            clocks.begin(_tier(event), event.at)
        elif event.name == "CaseEscalated":
            clocks.running = _tier(event) if clocks.running else 0
        elif event.name in STOPS:
            clocks.running, clocks.ended = 0, event.name != "CaseReferred"
    yield from clocks.overdue(end)


def _tier(event: Event) -> int:
    """The tier of the owner that an event names."""
    return int(event.message.assignment.tier)  # type: ignore[attr-defined]  # of an event that has an owner


def every_clock_fires_once_or_is_stopped(evidence: Evidence, tally: Tally) -> None:
    """The clocks that fired are those that should have, each once."""
    for case, events in evidence.events(ROUTING).items():
        wrong = list(walk(events, evidence.clock_s, evidence.read_at - SETTLED_S))
        for invariant in ("I3", "I4", "I6"):
            texts = "; ".join(w.text for w in wrong if w.invariant == invariant)
            tally.check(invariant, holds=not texts, text=texts, case=case)


def nothing_fires_early(evidence: Evidence, tally: Tally) -> None:
    """No firing was on its topic, or before an outsider's eyes, before its clock was due."""
    for case, event in firings(evidence):
        due = event.at
        landed = event.landed.at
        text = f"{event.envelope.id} was on its topic at {landed:.3f}, due at {due:.3f}"
        tally.check("I4", holds=landed > due - MS, text=text, case=case)
        seen = evidence.seen.get(event.envelope.id, landed)
        text = f"{event.envelope.id} was seen at {seen:.3f}, due at {due:.3f}"
        tally.check("I4", holds=seen > due - MS, text=text, case=case)


def what_was_said_before_counts_after_an_outage(evidence: Evidence, tally: Tally) -> None:
    """What lay on routing's topics when it came back counts before what fell due meanwhile (rule 16)."""
    outages = [(entry.more["since"], entry.at) for entry in evidence.history.of("nemesis", "routing_back")]
    for case, events in evidence.events(ROUTING).items():
        for number, event in enumerate(events):
            if not getattr(event.message, "clock", ""):
                continue
            fired = event.recorded
            for later in events[number + 1 :]:
                said = _cause_landed(evidence, later)
                if said is None or later.at >= event.at or later.name == "WishDeclined":
                    continue
                missed = any(since < said < back - MARGIN_S and fired > back for since, back in outages)
                text = (
                    f"{event.name} for {event.at:.3f} although {later.name} had been said at {later.at:.3f}"
                )
                tally.check("I3", holds=not missed, text=text, case=case)


def firings(evidence: Evidence) -> Iterator[tuple[str, Event]]:
    """Every firing with its case."""
    for case, events in evidence.events(ROUTING).items():
        for event in events:
            if getattr(event.message, "clock", ""):
                yield case, event


def _cause_landed(evidence: Evidence, event: Event) -> float | None:
    if not event.envelope.cause:
        return None
    topic, partition, offset, _ = event.envelope.cause.rsplit(":", 3)
    landed = evidence.landed.get((topic, int(partition), int(offset)))
    return landed.at if landed else None
