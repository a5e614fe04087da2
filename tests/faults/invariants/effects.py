"""What is owed to others is done once: outboxes, consumed events, timelines, notices (I9, I11)."""

from collections import Counter, defaultdict

from tests.faults.evidence import Evidence, Tally, aggregates

REQUESTS, ROUTING = "fengqiao.intake.requests", "fengqiao.routing.events"
IN_APP = "in_app"
ENDED = frozenset({"delivered", "failed"})
TOLD = frozenset({"CaseRouted", "CaseEscalated", "SupervisionOrdered"})
"""Events of which somebody is told for certain: every post has its holder here."""


def outboxes_are_empty(evidence: Evidence, tally: Tally) -> None:
    """Nothing waits to be published, nothing is behind, no firing fails."""
    for (service, collection), key, raw in aggregates(evidence):
        left = [name for name in ("outbox", "waiting_since", "behind_since", "retry_at") if raw.get(name)]
        text = f"{service}.{collection}: left {', '.join(left)}"
        tally.check("I9", holds=not left, text=text, case=key)


def a_consumed_event_is_applied_once(evidence: Evidence, tally: Tally) -> None:
    """All events that one consumed event caused were made by one commit."""
    for topic in evidence.topics:
        if not topic.endswith(".events"):
            continue
        for case, events in evidence.events(topic).items():
            commits: dict[tuple[str, str], set[float]] = defaultdict(set)
            for event in events:
                if event.envelope.cause and not topic.startswith("fengqiao.notify."):
                    source, _, _, sequence = event.envelope.cause.rsplit(":", 3)
                    commits[source, sequence].add(event.recorded)
            for (source, sequence), moments in commits.items():
                text = f"{topic}: {source} #{sequence} was applied {len(moments)} times"
                tally.check("I9", holds=len(moments) == 1, text=text, case=case)


def every_request_event_has_its_effect(evidence: Evidence, tally: Tally) -> None:
    """Each thing said to routing of a case on the ladder has an event of routing that it caused."""
    for case, events in evidence.events(REQUESTS).items():
        answers = evidence.events(ROUTING).get(case, [])
        if any(event.name == "CaseReferred" for event in answers):
            continue
        caused = {
            e.envelope.cause.rsplit(":", 3)[3] for e in answers if e.envelope.cause.startswith(REQUESTS)
        }
        for event in events:
            text = f"#{event.envelope.sequence} {event.name} had no effect in routing"
            tally.check("I9", holds=str(event.envelope.sequence) in caused, text=text, case=case)


def timelines_have_every_event_once(evidence: Evidence, tally: Tally) -> None:
    """The timeline has each public event of every service, and nothing else."""
    published = {
        event.envelope.id: case
        for topic in evidence.topics
        if topic.endswith(
            (".events", ".summonses", "petition.restricted", "notify.restricted", "intake.restricted")
        )
        for case, events in evidence.events(topic).items()
        for event in events
    }
    for identity, case in published.items():
        there = identity in evidence.timelines
        tally.check("I9", holds=there, text=f"{identity}: not in the timeline", case=case)
    for identity in evidence.timelines.keys() - published.keys():
        case = str(evidence.timelines[identity]["case_id"])
        tally.check("I8", holds=False, text=f"{identity}: in the timeline alone", case=case)


def notices_are_made_and_end(evidence: Evidence, tally: Tally) -> None:
    """Each owed notice is there once and has ended; a message is sent once, but for what a crash repeats.

    An event tells each end of what leaves the house; in-app is delivered by being stored (ADR 0014).
    """
    notices = evidence.of("notify", "notices")
    for case, events in evidence.events(ROUTING).items():
        for event in events:
            if event.name in TOLD:
                there = event.envelope.id in notices
                tally.check("I11", holds=there, text=f"{event.envelope.id}: nobody was told", case=case)
    ended: Counter[str] = Counter()
    for notice, events in evidence.events("fengqiao.notify.events").items():
        for event in events:
            message = event.message
            delivery = f"{notice}/{message.channel}/{message.recipient_ref}"  # type: ignore[attr-defined]  # both
            ended[delivery] += 1
    for notice, raw in notices.items():
        deliveries = raw["state"]["deliveries"] if raw["state"] else ()
        case = str(raw["state"]["case_id"]) if raw["state"] else ""
        once = len({delivery["id"] for delivery in deliveries}) == len(deliveries)
        tally.check("I11", holds=once, text=f"{notice}: a delivery twice", case=case)
        for delivery in deliveries:
            text = f"{delivery['id']}: still {delivery['status']}"
            tally.check("I11", holds=delivery["status"] in ENDED, text=text, case=case)
            count = ended[delivery["id"]]
            text = f"{delivery['id']}: {count} ends were told"
            told = 0 if delivery["channel"] == IN_APP else 1
            tally.check("I11", holds=count == told, text=text, case=case)
    interrupted = sum(d.get("interrupted", 0) for raw in notices.values() for d in raw["state"]["deliveries"])
    repeats = sum(count - 1 for count in Counter(evidence.mails).values())
    text = f"{repeats} messages came again, and {interrupted} sendings were interrupted"
    tally.check("I11", holds=repeats <= interrupted, text=text)
