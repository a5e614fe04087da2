"""No case lost, none doubled, each command once, and the sums agree (I1, I2, I13)."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from tests.faults.evidence import Evidence, Raw, Tally

INTAKE, ROUTING = "fengqiao.intake.events", "fengqiao.routing.events"
ENDS: Mapping[str, frozenset[str]] = {
    "submitted": frozenset({"assigned", "in_progress", "referred"}),
    "settled": frozenset({"resolved"}),
    "closed": frozenset({"resolved"}),
    "withdrawn": frozenset({"withdrawn"}),
}
"""Where a case stands in routing when its request stands so in intake."""

COMMANDS = {
    "accept": (ROUTING, "CaseAccepted"),
    "resolve": (ROUTING, "CaseResolved"),
    "withdraw": (INTAKE, "WithdrawalRequested"),
    "ask_up": (INTAKE, "EscalationRequested"),
    "rate": (INTAKE, "OutcomeRated"),
    "reopen": (INTAKE, "ReopeningRequested"),
}


def answered_submissions_have_one_case(evidence: Evidence, tally: Tally) -> None:
    """Each submission that was answered has its case in both services; the same key has the same case."""
    cases: dict[str, set[str]] = defaultdict(set)
    for entry in evidence.history.of("ok", "submit"):
        cases[entry.key].add(entry.case)
    requests, routed = evidence.of("intake", "requests"), evidence.of("routing", "cases")
    for key, found in cases.items():
        tally.check("I2", holds=len(found) == 1, text=f"key {key}: answered with {len(found)} cases")
        for case in found:
            tally.check("I1", holds=case in requests, text="answered, and no request", case=case)
            tally.check("I1", holds=case in routed, text="answered, and routing has no case", case=case)
    numbers = Counter(raw["state"]["request_no"] for raw in requests.values() if raw["state"])
    for number, count in numbers.items():
        tally.check("I2", holds=count == 1, text=f"{number}: {count} requests")


def agencies_have_one_case_and_their_replies(evidence: Evidence, tally: Tally) -> None:
    """Each record of an agency that the broker has is answered once, and a reference has one case."""
    answers: dict[tuple[str, int, int], set[str]] = defaultdict(set)
    accepted: dict[str, set[str]] = defaultdict(set)
    for topic in evidence.topics:
        if not topic.endswith(".replies"):
            continue
        for events in evidence.events(topic).values():
            for event in events:
                at = event.message.answers  # type: ignore[attr-defined]  # every reply has it
                answers[at.topic, at.partition, at.offset].add(event.envelope.id)
                if event.name == "SubmissionAccepted":
                    reply = event.message
                    accepted[reply.reference].add(reply.case_id)  # type: ignore[attr-defined]  # as named
    for entry in evidence.history.of("ok", "publish"):
        topic, partition, offset = entry.more["where"]
        there = (topic, partition, offset) in evidence.landed
        tally.check("I1", holds=there, text=f"{topic} {partition}:{offset}: acknowledged, and not there")
        cases = accepted.get(entry.key, set())
        tally.check("I2", holds=len(cases) == 1, text=f"reference {entry.key}: {len(cases)} cases accepted")
        for case in cases:
            there = case in evidence.of("intake", "requests")
            tally.check("I1", holds=there, text="accepted for an agency, and no request", case=case)
            there = case in evidence.of("routing", "cases")
            tally.check("I1", holds=there, text="accepted for an agency, not in routing", case=case)
    for where, replies in answers.items():
        tally.check("I2", holds=len(replies) == 1, text=f"{where} was answered {len(replies)} times")


def commands_have_one_effect(evidence: Evidence, tally: Tally) -> None:
    """As many events of a command as were answered, and at most those more of which nobody knows."""
    done: Counter[tuple[str, str]] = Counter()
    unknown: Counter[tuple[str, str]] = Counter()
    for op in COMMANDS:
        answered = {e.key for e in evidence.history.of("ok", op)}
        refused = {e.key for e in evidence.history.of("fail", op)}
        for key, case in {(e.key, e.case) for e in evidence.history.of("invoke", op)}:
            if key in answered:
                done[op, case] += 1
            elif key not in refused or any(e.key == key for e in evidence.history.of("info", op)):
                unknown[op, case] += 1
    events: Counter[tuple[str, str]] = Counter()
    for op, (topic, name) in COMMANDS.items():
        for case, found in evidence.events(topic).items():
            # What a consumed event caused is nobody's command.
            events[op, case] = sum(event.name == name and not event.envelope.cause for event in found)
    for op, case in done.keys() | unknown.keys() | events.keys():
        count, least = events[op, case], done[op, case]
        most = least + unknown[op, case]
        text = f"{op}: {count} × {COMMANDS[op][1]}, and {least} were answered, {most - least} not known"
        tally.check("I1" if count < least else "I2", holds=least <= count <= most, text=text, case=case)


def nothing_came_from_nowhere(evidence: Evidence, tally: Tally) -> None:
    """No request that nobody made, and both services agree on where each stands."""
    history = evidence.history
    answered = {entry.case for entry in history.of("ok", "submit")}
    unanswered = {e.key for e in history.of("info", "submit")} - {e.key for e in history.of("ok", "submit")}
    agencies = sum(bool(raw["state"] and raw["state"]["source"]) for raw in _requests(evidence).values())
    published = {entry.key for entry in history.of("invoke", "publish")}
    strangers = len(_requests(evidence).keys() - answered) - agencies
    text = f"{strangers} requests that nobody was told of, and {len(unanswered)} calls without an answer"
    tally.check("I2", holds=strangers <= len(unanswered), text=text)
    text = f"{agencies} requests of agencies, and {len(published)} references"
    tally.check("I2", holds=agencies <= len(published), text=text)
    routed = evidence.of("routing", "cases")
    for case in _requests(evidence).keys() | routed.keys():
        request, other = _requests(evidence).get(case), routed.get(case)
        if not (request and request["state"] and other and other["state"]):
            tally.check("I1", holds=False, text="not in both services", case=case)
            continue
        here, there = request["state"]["status"], other["state"]["status"]
        tally.check("I8", holds=there in ENDS[here], text=f"{here}, and {there} in routing", case=case)


def counts_agree(evidence: Evidence, tally: Tally) -> None:
    """Submitted = open + settled + closed + withdrawn, by history, stores and topics alike."""
    history = evidence.history
    answered = len({e.case for e in history.of("ok", "submit")})
    asked = {e.key for e in history.of("invoke", "submit")}
    published = {e.key for e in history.of("invoke", "publish")}
    acknowledged = {e.key for e in history.of("ok", "publish")}
    stored = len(_requests(evidence))
    states = Counter(raw["state"]["status"] for raw in _requests(evidence).values() if raw["state"])
    told = sum(
        event.name == "RequestSubmitted" for events in evidence.events(INTAKE).values() for event in events
    )
    text = (
        f"{stored} requests, {answered} + {len(acknowledged)} answered, {len(asked)} + {len(published)} asked"
    )
    holds = answered + len(acknowledged) <= stored <= len(asked) + len(published)
    tally.check("I13", holds=holds, text=text)
    tally.check("I13", holds=stored == sum(states.values()), text=f"{stored} requests: {dict(states)}")
    tally.check("I13", holds=told == stored, text=f"{stored} requests, {told} × RequestSubmitted")
    routed = len(evidence.of("routing", "cases"))
    tally.check("I13", holds=routed == stored, text=f"{stored} requests, {routed} cases in routing")


def _requests(evidence: Evidence) -> Mapping[str, Raw]:
    return evidence.of("intake", "requests")
