"""Poison in, letters out: each is reported with its reason and origin, and nothing else is (I10)."""

from collections import defaultdict

from tests.faults.evidence import Evidence, Tally

OBEYED = "fengqiao.intake.requests"
ROUTING = "fengqiao.routing.events"
POISONS = frozenset({"poison", "handler_bug"})
ROUTED_S = 5.0
NEEDED = ("dead-reason", "dead-topic", "dead-partition", "dead-offset")


def poison_in_is_letters_out(evidence: Evidence, tally: Tally) -> None:
    """The origins of all dead letters are the records that were poisoned, each with its reason."""
    letters: dict[tuple[str, int, int], set[str]] = defaultdict(set)
    for topic, records in evidence.topics.items():
        if not topic.endswith(".dead"):
            continue
        for landed in records:
            told = landed.record.headers
            lacking = [name for name in NEEDED if not told.get(name)]
            tally.check(
                "I10", holds=not lacking, text=f"{landed.where}: a letter without {', '.join(lacking)}"
            )
            if not lacking:
                origin = told["dead-topic"], int(told["dead-partition"]), int(told["dead-offset"])
                letters[origin].add(told["dead-reason"])
    poisoned: dict[tuple[str, int, int], str] = {}
    for entry in evidence.history.of("nemesis", "poison"):
        topic, partition, offset = entry.more["where"]
        poisoned[topic, partition, offset] = entry.more["what"]
    for entry in evidence.history.of("nemesis", "bug"):
        for event in evidence.events(OBEYED).get(entry.case, ()):
            poisoned[event.landed.where] = "a bug in a handler"
    for where, what in poisoned.items():
        tally.check("I10", holds=where in letters, text=f"{where} ({what}): no letter tells of it")
    for where, reasons in letters.items():
        text = f"{where}: a letter ({', '.join(reasons)}) of what was no poison"
        tally.check("I10", holds=where in poisoned, text=text)


def neighbours_are_not_delayed(evidence: Evidence, tally: Tally) -> None:
    """Under poison alone, everybody else's case is routed as soon as ever."""
    history = evidence.history.last_run()
    begun = {entry.more["fault"] for entry in history.of("nemesis", "begins")}
    if not begun or begun - POISONS:
        return
    times = [entry.at for op in ("begins", "ends") for entry in history.of("nemesis", op)]
    spoilt = {entry.case for entry in history.of("nemesis", "bug")}
    for case, events in evidence.events(OBEYED).items():
        said = events[0].landed.at
        answers = evidence.events(ROUTING).get(case)
        if case not in spoilt and answers and min(times) < said < max(times):
            took = answers[0].landed.at - said
            tally.check("I10", holds=took < ROUTED_S, text=f"routed only after {took:.1f} s", case=case)
