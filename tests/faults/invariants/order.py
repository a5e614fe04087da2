"""Order per case, legal paths, whole chains, and a state that is what the events say (I7, I8, I12)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.chassis import audit
from services.chassis.consumer import Arrived
from services.chassis.model import Model
from services.chassis.rebuild import differences, fold
from services.chassis.site import load_sites
from services.chassis.store import load
from services.intake import store as intake_store
from services.mediation import sitefiles as mediation_files
from services.mediation import store as mediation_store
from services.mediation.domain import Committee
from services.petition import sitefiles as petition_files
from services.petition import store as petition_store
from services.petition.domain import Office
from services.routing import sitefiles as routing_files
from services.routing import store as routing_store
from services.routing.domain import Ladder
from tests.faults.evidence import Event, Evidence, Tally, aggregates

INTAKE, ROUTING = "fengqiao.intake.events", "fengqiao.routing.events"
TOP = 4

OPEN = frozenset({"assigned", "in_progress"})
ANY = frozenset({"assigned", "in_progress", "referred", "resolved", "withdrawn"})
HELD = OPEN | {"referred"}
Path = Mapping[str, tuple[frozenset[str], str]]
"""Event → where it may come from, and where it leads; empty: it stays."""

ROUTING_PATHS: Path = {
    "CaseRouted": (frozenset({""}), "assigned"),
    "CaseAccepted": (frozenset({"assigned"}), "in_progress"),
    "ProgressReported": (OPEN, ""),
    "CaseEscalated": (OPEN, "assigned"),
    "CaseReassigned": (OPEN, "assigned"),
    "SupervisionOrdered": (HELD, ""),
    "CaseResolved": (HELD, "resolved"),
    "CaseWithdrawn": (HELD, "withdrawn"),
    "CaseReopened": (frozenset({"resolved"}), "assigned"),
    "WishDeclined": (ANY, ""),
    "ResidentAnswered": (frozenset({"resolved"}), ""),
    "CaseClosed": (frozenset({"resolved"}), ""),
    "CaseReferred": (OPEN, "referred"),
    "ReferralRecalled": (frozenset({"referred"}), ""),
    "CaseTakenBack": (frozenset({"referred"}), "assigned"),
}
ASKING = frozenset({"submitted", "settled"})
INTAKE_PATHS: Path = {
    "RequestSubmitted": (frozenset({""}), "submitted"),
    "EscalationRequested": (ASKING, ""),
    "WithdrawalRequested": (ASKING, ""),
    "ReopeningRequested": (frozenset({"settled", "closed"}), ""),
    "OutcomeRated": (frozenset({"settled"}), ""),
    "RequestSettled": (frozenset({"submitted"}), "settled"),
    "RequestClosed": (frozenset({"settled"}), "closed"),
    "RequestWithdrawn": (ASKING, "withdrawn"),
    "RequestReopened": (frozenset({"settled", "closed"}), "submitted"),
}
SPEAKERS = (
    ("fengqiao.intake.requests", ("intake", "requests"), ("routing", "cases")),
    ("fengqiao.routing.outcomes", ("routing", "cases"), ("intake", "requests")),
    ("fengqiao.routing.disputes", ("routing", "cases"), ("mediation", "disputes")),
    ("fengqiao.routing.petitions", ("routing", "cases"), ("petition", "petitions")),
    ("fengqiao.mediation.outcomes", ("mediation", "disputes"), ("routing", "cases")),
    ("fengqiao.petition.outcomes", ("petition", "petitions"), ("routing", "cases")),
    ("fengqiao.intake.restricted", ("intake", "accusations"), ("petition", "accusations")),
)
"""Topic, who writes it, who obeys it."""


def sequences_are_whole(evidence: Evidence, tally: Tally) -> None:
    """On each topic an aggregate's events can be read as 1, 2, 3 …, as many as its document says.

    A later one may stand there before an earlier one that the broker refused; then all later ones are sent
    again, so that there is a way through in order.
    """
    known: set[str] = set()
    for (service, collection), key, raw in aggregates(evidence):
        known.add(key)
        for own in raw["own"]:
            topic = own["topic"]
            there = [each.sequence for each in evidence.envelopes(topic).get(key, ())]
            read, known_ones = _in_order(there), set(there)
            text = f"{service}.{collection} {topic}: {there}: 1 to {read} in order, not to {own['sequence']}"
            whole = read == own["sequence"] == len(known_ones)
            tally.check("I7", holds=whole, text=text, case=key)
    for topic in evidence.topics:
        if not topic.endswith((".dead", ".requests")) or topic == "fengqiao.intake.requests":
            for stranger in evidence.envelopes(topic).keys() - known:
                tally.check("I8", holds=False, text=f"{topic}: events of nobody", case=stranger)


def _in_order(sequences: Iterable[int]) -> int:
    """How far one gets by taking only the next one."""
    last = 0
    for sequence in sequences:
        last += sequence == last + 1
    return last


def chains_hold(evidence: Evidence, tally: Tally) -> None:
    """Every event hashes onto the one before it, up to the head in the document."""
    for _, key, raw in aggregates(evidence):
        for own in raw["own"]:
            events = sorted(evidence.envelopes(own["topic"]).get(key, ()), key=lambda each: each.sequence)
            found = audit.first_break(events, bytes(own["head"]))
            text = f"{own['topic']}: the audit chain breaks at {found}"
            tally.check("I12", holds=found is None, text=text, case=key)


def paths_are_legal(evidence: Evidence, tally: Tally) -> None:
    """Every event comes from a state that allows it, climbs go up, the end is what is stored."""
    for topic, paths, collection in (
        (ROUTING, ROUTING_PATHS, ("routing", "cases")),
        (INTAKE, INTAKE_PATHS, ("intake", "requests")),
    ):
        for case, events in evidence.events(topic).items():
            wrong, status = _walk(events, paths)
            tally.check("I7", holds=not wrong, text="; ".join(wrong), case=case)
            raw = evidence.of(*collection).get(case)
            stored = (raw["state"] or {}).get("status") if raw else None
            text = f"events lead to {status}, stored is {stored}"
            tally.check("I8", holds=stored == status, text=text, case=case)


def _walk(events: Iterable[Event], paths: Path) -> tuple[list[str], str]:
    wrong, status, tier = [], "", 0
    for event in events:
        sources, to = paths[event.name]
        if status not in sources:
            wrong.append(f"#{event.envelope.sequence} {event.name} in {status or 'nothing'}")
        status = to or status
        owner = getattr(event.message, "assignment", None)
        if event.name == "CaseEscalated" and owner is not None and owner.tier <= tier:
            wrong.append(f"#{event.envelope.sequence} climbs from {tier} to {owner.tier}")
        if event.name == "SupervisionOrdered" and tier != TOP:
            wrong.append(f"#{event.envelope.sequence} supervised at tier {tier}")
        tier = owner.tier if owner is not None and owner.tier else tier
    return wrong, status


def all_that_was_said_was_heard(evidence: Evidence, tally: Tally) -> None:
    """Whoever obeys a topic has applied all of it, for each case."""
    for topic, writer, reader in SPEAKERS:
        for key, raw in evidence.of(*writer).items():
            said = next((own["sequence"] for own in raw["own"] if own["topic"] == topic), 0)
            listener = evidence.of(*reader).get(key, {"seen": ()})
            heard = next((seen["sequence"] for seen in listener["seen"] if seen["topic"] == topic), 0)
            text = f"{reader[0]} has seen {heard} of {said} on {topic}"
            tally.check("I7", holds=said == heard, text=text, case=key)


def state_is_what_events_say(evidence: Evidence, tally: Tally) -> None:
    """A fold of a service's own topics equals what it stored."""
    for (service, collection), model in _models(evidence).items():
        stored = evidence.of(service, collection)
        topics = sorted({own["topic"] for raw in stored.values() for own in raw["own"]})
        records = fold(model, _arrived(evidence, topics, stored))
        for key, raw in stored.items():
            told = key in records
            tally.check("I8", holds=told, text=f"{service}: no event tells of it", case=key)
            if told:
                found = differences(records[key], load(raw, model.load))
                text = f"{service}: rebuilt otherwise in {', '.join(found)}"
                tally.check("I8", holds=not found, text=text, case=key)


def _models(evidence: Evidence) -> Mapping[tuple[str, str], Model[Any]]:
    sites = load_sites(evidence.sites).values()
    ladder = Ladder({site.id: routing_files.read_rules(site) for site in sites})
    committee = Committee({site.id: mediation_files.read_rules(site) for site in sites})
    office = Office({site.id: petition_files.read_rules(site) for site in sites})
    return {
        ("intake", "requests"): intake_store.model(),
        ("routing", "cases"): routing_store.model(ladder),
        ("mediation", "disputes"): mediation_store.model(committee),
        ("petition", "petitions"): petition_store.model(office),
    }


def _arrived(evidence: Evidence, topics: Iterable[str], wanted: Mapping[str, Any]) -> Iterator[Arrived]:
    for topic in topics:
        for landed in evidence.topics.get(topic, ()):
            if landed.ours and landed.envelope and landed.envelope.subject in wanted:
                yield Arrived(landed.record, landed.envelope)
