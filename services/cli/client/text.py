"""Answers as people read them: `name  value` lines, columns, codes without their enum's prefix."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from rich.cells import cell_len, set_cell_size

from fengqiao.common.v1.common_pb2 import Clock, Tier
from fengqiao.routing.v1 import clock_events_pb2 as clocks
from fengqiao.routing.v1 import events_pb2 as events
from fengqiao.routing.v1 import followup_events_pb2 as followup
from fengqiao.routing.v1 import routing_service_pb2 as routing
from fengqiao.routing.v1.early_warning_events_pb2 import LawfulEnd
from services.chassis.protobuf import instant_or_none
from services.cli.demo.report import stamp

GAP = "  "


def lines(facts: Mapping[str, Any]) -> str:
    """One fact per line; those without a value are left out."""
    told = {name: value for name, value in facts.items() if value not in {None, ""}}
    return columns([[name, str(value)] for name, value in told.items()])


def columns(rows: Iterable[Sequence[str]], heads: Sequence[str] = ()) -> str:
    """Rows in columns as wide as their widest cell, Chinese characters counted double; never cut."""
    table = [list(heads), *map(list, rows)] if heads else [list(row) for row in rows]
    widths = [max(cell_len(cell) for cell in column) for column in zip(*table, strict=True)]
    return "\n".join(
        GAP.join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )


def word(enum: Any, number: int, prefix: str) -> str:
    """`in_progress` for CASE_STATUS_IN_PROGRESS; the number where a newer contract knows more names."""
    if number not in enum.values():
        return str(number)
    return str(enum.Name(number)).removeprefix(prefix).lower()


def at(time: Timestamp) -> str:
    """A time in UTC, empty when it isn't set."""
    return stamp(instant_or_none(time)) or ""


def tier(number: int) -> str:
    """`1 neighbourhood`."""
    return f"{number} {word(Tier, number, 'TIER_')}"


def case(case: routing.Case) -> str:
    """A case with the steps it took."""
    facts = {
        "case": case.case_id,
        "number": case.request_no,
        "kind": case.kind,
        "status": word(routing.CaseStatus, case.status, "CASE_STATUS_") + (", urgent" if case.urgent else ""),
        "tier": tier(case.assignment.tier),
        "owner": f"{case.assignment.unit_id} ({case.assignment.holder_ref or 'vacant'})",
        "why there": ", ".join(case.assignment.reasons),
        "submitted": at(case.submitted_at),
        "due": at(case.due_at) + (" (promised)" if case.due_promised else ""),
        "tier's clock": at(case.clock_due_at),
        "contact by": at(case.first_contact_by) if case.HasField("first_contact_by") else "",
        "returned": _returned(case.returned) if case.HasField("returned") else "",
        "supervised": at(case.supervised_at),
        "order": _order(case.order) if case.HasField("order") else "",
        "assisting": ", ".join(map(_assisting, case.assistances)),
        "delegated": f"to {case.delegation.to_ref} until {at(case.delegation.clock.due_at)}"
        if case.HasField("delegation")
        else "",
        "for the courts": ", ".join(part.reference for part in case.parts),
        "recused": ", ".join(case.recused_refs),
        "joined to": _joined(case.joined) if case.HasField("joined") else "",
        "leads": ", ".join(case.joined_case_ids),
        "paused": _paused(case.pause) if case.HasField("pause") else "",
        "asked for": _asked(case.asked) if case.HasField("asked") else "",
        "resolved": at(case.resolved_at),
        "call-back": _call_back(case.call_back) if case.HasField("call_back") else "",
        "answer": _answer(case.answer) if case.HasField("answer") else "",
        "review": _review(case.review) if case.HasField("review") else "",
        "closed by": word(followup.ClosedBy, case.closed_by, "CLOSED_BY_") if case.closed_by else "",
        "by the village code": ", ".join(cited(clause) for clause in case.clauses),
        "found by": case.screening_code,
        "end": _end(case),
        "overdue": "yes" if case.overdue else "no",
        "revision": case.revision,
    }
    steps = [
        f"{at(step.at)}  {tier(step.from_tier)} → {tier(step.to_tier)}: "
        f"{word(events.MoveReason, step.reason, 'MOVE_REASON_')}"
        for step in case.steps
    ]
    return "\n".join([lines(facts), *why(case.why), *steps])


def _end(case: routing.Case) -> str:
    if case.HasField("end_awaited"):
        return f"to be put on record by {case.end_awaited.superior_unit_id or 'the desk'}"
    return word(LawfulEnd, case.lawful_end, "LAWFUL_END_") if case.lawful_end else ""


def _returned(pending: routing.Return) -> str:
    """`2 other_place, to jili/hexi/s2; jili/hexi rules by 2026-03-03T01:00:00Z`."""
    why = word(events.ReturnReason, pending.reason, "RETURN_REASON_")
    belongs = f", to {pending.proposed_unit_id}" if pending.proposed_unit_id else ""
    return f"{pending.number} {why}{belongs}; {pending.superior_unit_id} rules by {at(pending.rule_by)}"


def _order(order: routing.SupervisionOrder) -> str:
    """`2 standing, by 2026-03-03T01:00:00Z, repeated 1 times`."""
    status = word(routing.OrderStatus, order.status, "ORDER_STATUS_")
    until = f", by {at(order.clock.due_at)}" if order.HasField("clock") else ""
    return f"{order.number} {status}{until}" + (f", repeated {order.repeats} times" if order.repeats else "")


def why(reasons: Iterable[routing.WhyHere]) -> list[str]:
    """`- the lowest tier of the place that can settle it · 能办理此事项的最低层级`, a line each."""
    return [f"- {each.en} · {each.zh}" for each in reasons]


def _assisting(each: routing.Assistance) -> str:
    """`1 jili/hexi accepted`."""
    status = word(routing.AssistanceStatus, each.status, "ASSISTANCE_STATUS_")
    return f"{each.number} {each.unit_id or each.department} {status}"


def _joined(joined: routing.Joined) -> str:
    """`5d2b7c1e-… (JILI-000002) since 2026-03-02T01:00:00Z, same_matter`."""
    why = word(events.JoinReason, joined.reason, "JOIN_REASON_")
    lead = f"{joined.lead_case_id} ({joined.lead_request_no})" if joined.lead_case_id else "another's request"
    return f"{lead} since {at(joined.joined_at)}, {why}"


def _paused(pause: routing.Pause) -> str:
    """`1 court since 2026-03-02T01:00:00Z, by 2026-03-03T01:00:00Z at the latest`."""
    kind = word(clocks.PauseKind, pause.kind, "PAUSE_KIND_")
    return f"{pause.number} {kind} since {at(pause.paused_at)}, by {at(pause.clock.due_at)} at the latest"


def _asked(asked: routing.TimeAsked) -> str:
    """`1 pause for court, 3 by routing.pause.court@1; jili/hexi decides: …`."""
    kind = f"pause for {word(clocks.PauseKind, asked.kind, 'PAUSE_KIND_')}" if asked.kind else "extension"
    who = asked.approver_unit_id or "the desk"
    told = f": {asked.note}" if asked.note else ""
    return f"{asked.number} {kind}, {asked.length} by {asked.rule}; {who} decides{told}"


def _call_back(due: routing.CallBack) -> str:
    """`jili/hexi by 2026-03-09T01:00:00Z, 1 times not reached, asked of the next 2 times`."""
    told = f"{due.caller_unit_id or 'desk'} by {at(due.clock.due_at)}"
    told += f", {due.attempts} times not reached" if due.attempts else ""
    return told + (f", asked of the next {due.repeats} times" if due.repeats else "")


def _answer(answer: routing.Answer) -> str:
    """`solved, 4 of 5 (call_back)`."""
    way = word(followup.AnswerWay, answer.way, "ANSWER_WAY_")
    return f"{'solved' if answer.solved else 'not solved'}, {answer.rating} of 5 ({way})"


def _review(due: routing.Review) -> str:
    """`1 by jili/hexi until 2026-03-09T01:00:00Z, asked of the next 2 times`."""
    told = f"{due.number} by {due.reviewer_unit_id or 'desk'} until {at(due.clock.due_at)}"
    return told + (f", asked of the next {due.repeats} times" if due.repeats else "")


def cited(clause: events.CitedClause) -> str:
    """`12 (jili/hexi, version 2)`."""
    return f"{clause.number} ({clause.unit_code}, version {clause.version})"


def queue(cases: Iterable[routing.Case]) -> str:
    """Cases, a line each."""
    rows = [
        (
            each.case_id,
            each.request_no,
            word(routing.CaseStatus, each.status, "CASE_STATUS_"),
            each.assignment.unit_id,
            at(each.due_at),
            "overdue" if each.overdue else "",
            each.kind,
        )
        for each in cases
    ]
    heads = ("case", "number", "status", "unit", "due", "", "kind")
    return columns(rows, heads) if rows else "no open case"


def clock(clock: Clock, *, running: bool) -> str:
    """One tier's clock with the steps by which its end was found."""
    head = f"{clock.name}: due {at(clock.due_at)}"
    if clock.HasField("rolled_due_at") and clock.rolled_due_at != clock.due_at:
        head += f", rolled to {at(clock.rolled_due_at)}"
    notes = [f"since {at(clock.started_at)}", clock.rule, f"calendar {clock.calendar_version}"]
    notes += ["runs now"] * running + ["provisional"] * clock.provisional
    steps = [
        (step.at, step.code, str(step.amount), f"→ {at(step.until)}" if step.HasField("until") else "")
        for step in clock.explanation
    ]
    steps += [(at(each.at), "warning", str(each.stage), "") for each in clock.warnings]
    told = [f"  {line}" for line in columns(steps).splitlines()] if steps else []
    return "\n".join([f"{head} ({', '.join(notes)})", *told])


def board(board: routing.WatchBoardResponse) -> str:
    """Counts per tier and status."""
    rows = [
        (tier(cell.tier), word(routing.CaseStatus, cell.status, "CASE_STATUS_"), str(cell.count))
        for cell in board.cells
    ]
    foot = (
        f"{at(board.now)}: {board.climbs} climbs, {board.supervised} under supervision, "
        f"{board.not_yet_routed} not yet routed"
    )
    return "\n".join([columns(rows, ("tier", "status", "cases")), foot]) if rows else foot
