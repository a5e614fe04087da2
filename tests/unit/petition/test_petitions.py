"""What happens to a petition, and every way to order it wrongly."""

from datetime import timedelta
from typing import Any

import pytest

from fengqiao.intake.v1.events_pb2 import EscalationRequested, WithdrawalRequested
from fengqiao.petition.v1 import events_pb2 as ev
from services.chassis.errors import CommandError, IllegalTransition, Invalid
from services.petition import domain
from tests.unit.petition.office import (
    OPENED,
    OPINION,
    OUTSIDE,
    SECTION,
    STREET,
    VILLAGE,
    Walk,
    limited,
    rules,
)

DAY = timedelta(days=1)
REPLIED = domain.ReplyToPetition("suggestion_adopted", "Canary thanks")
DELIVERED = domain.DeliverOpinion("in_person")
EXTENDED = domain.ExtendDeadline(30, "complex", "head-1")


def refusal(walk: Walk, command: object, **fields: Any) -> CommandError:
    """What an order that must be refused is told; nothing changed."""
    before, events = walk.petition, walk.events
    with pytest.raises(CommandError) as error:
        walk.order(command, **fields)
    assert (walk.petition, walk.events) == (before, events)
    return error.value


def wrong(walk: Walk, command: object, **fields: Any) -> tuple[list[tuple[str, str]], str]:
    """The fields of an order that are refused, and the rule."""
    error = refusal(walk, command, **fields)
    assert isinstance(error, Invalid)
    return [(v.field, v.reason) for v in error.violations], error.details.get("rule", "")


def registering(**fields: Any) -> domain.RegisterPetition:
    given = {"kind": ev.PETITION_KIND_CLAIM, "branch": 6, "content_code": "education"}
    return domain.RegisterPetition(**given | fields)  # type: ignore[arg-type]  # what a caller may send


# -- the way of a petition -----------------------------------------------------------------------------------


def test_a_referred_case_is_received_by_the_organ_that_owned_it() -> None:
    walk = Walk().refer()
    assert (walk.petition.status, walk.petition.unit_id) == (domain.RECEIVED, STREET)
    assert walk.petition.received_at == OPENED
    assert walk.events == ["PetitionReceived"]


def test_a_case_referred_by_a_committee_goes_to_the_top() -> None:
    assert Walk().refer(unit_id=VILLAGE).petition.unit_id == STREET


def test_received_notified_and_accepted_are_three_moments() -> None:
    walk = Walk().refer().wait(DAY).register().wait(DAY).route().wait(DAY).notify().wait(DAY).accept()
    petition = walk.petition
    assert (petition.received_at, petition.notified_at, petition.accepted_at) == (
        OPENED,
        OPENED + 3 * DAY,
        OPENED + 4 * DAY,
    )
    assert petition.status == domain.ACCEPTED


def test_an_opinion_is_issued_delivered_and_becomes_final_when_no_review_is_asked_for() -> None:
    walk = Walk().refer().accepted().order(OPINION)
    assert (walk.petition.status, walk.petition.clock) == (domain.OPINION_ISSUED, None)
    walk.order(DELIVERED)
    assert walk.petition.status == domain.OPINION_DELIVERED
    assert walk.sent(domain.OUTCOMES) == ["PetitionConcluded"]
    [(concluded, _)] = walk.told("PetitionConcluded")
    assert (concluded.referral, concluded.conclusion) == (1, "supported")
    walk.wait(40 * DAY)
    assert walk.petition.status == domain.FINAL
    assert walk.events[-1] == "OpinionBecameFinal"
    assert walk.record.next_due_at is None
    assert walk.sent(domain.OUTCOMES) == ["PetitionConcluded"]


@pytest.mark.parametrize(
    ("outcome", "conclusion"),
    [
        (ev.OPINION_OUTCOME_SUPPORTED, "supported"),
        (ev.OPINION_OUTCOME_EXPLAINED, "explained"),
        (ev.OPINION_OUTCOME_NOT_SUPPORTED, "not_supported"),
    ],
)
def test_routing_is_told_what_the_opinion_says(outcome: int, conclusion: str) -> None:
    walk = Walk().refer().accepted().order(domain.IssueOpinion("a", "b", outcome, "c")).order(DELIVERED)
    assert [event.conclusion for event, _ in walk.told("PetitionConcluded")] == [conclusion]


def test_the_texts_of_an_opinion_and_of_a_reply_are_in_no_event() -> None:
    opinion = Walk().refer().accepted().order(OPINION)
    reply = Walk().refer().accepted(branch=5).order(REPLIED)
    assert opinion.record.private["opinion"]["legal_basis"] == "Canary 32"
    assert reply.record.private["reply"] == "Canary thanks"
    for walk in (opinion, reply):
        assert not [entry for entry in walk.record.outbox if b"Canary" in entry.data]


def test_a_claim_of_another_branch_is_replied_to_and_has_no_time_for_an_opinion() -> None:
    walk = Walk().refer().accepted(branch=5)
    assert walk.petition.clock is None
    walk.order(REPLIED)
    assert walk.petition.status == domain.REPLIED
    assert [event.conclusion for event, _ in walk.told("PetitionConcluded")] == ["replied"]


def test_a_matter_that_is_not_accepted_goes_back_with_the_reason() -> None:
    walk = Walk().refer().register().route().notify().order(domain.AcceptPetition("litigation"))
    assert walk.petition.status == domain.NOT_ACCEPTED
    assert [event.reason for event, _ in walk.told("PetitionNotAccepted")] == ["litigation"]
    assert [event.conclusion for event, _ in walk.told("PetitionConcluded")] == ["not_accepted"]


def test_a_notice_is_waived_where_the_name_is_unclear_and_no_moment_is_made_up() -> None:
    walk = Walk().refer().register().route().order(domain.NotifyReceipt(waived="name_unclear"))
    assert (walk.petition.status, walk.petition.notified_at) == (domain.NOTIFIED, None)
    assert walk.events[-1] == "ReceiptNoticeWaived"
    assert walk.accept().petition.status == domain.ACCEPTED


def test_a_transfer_names_the_new_organ_and_the_former() -> None:
    walk = Walk().refer().register().route(ev.ROUTE_MANNER_TRANSFER, OUTSIDE)
    [(routed, _)] = walk.told("PetitionRouted")
    assert (routed.petition.unit_id, routed.from_unit_id) == (OUTSIDE, STREET)
    assert (walk.petition.unit_id, walk.petition.office) == (OUTSIDE, STREET)


# -- what the petitioner wishes ------------------------------------------------------------------------------


def open_petitions() -> dict[str, Walk]:
    return {
        domain.RECEIVED: Walk().refer(),
        domain.REGISTERED: Walk().refer().register(),
        domain.ROUTED: Walk().refer().register().route(),
        domain.NOTIFIED: Walk().refer().register().route().notify(),
        domain.ACCEPTED: Walk().refer().accepted(),
        domain.OPINION_ISSUED: Walk().refer().accepted().order(OPINION),
    }


@pytest.mark.parametrize("status", domain.OPEN)
def test_the_petitioner_withdraws_at_any_time_before_the_answer(status: str) -> None:
    walk = open_petitions()[status].recall("withdrawal")
    assert (walk.petition.status, walk.record.next_due_at) == (domain.WITHDRAWN, None)
    assert [event.conclusion for event, _ in walk.told("PetitionConcluded")] == ["withdrawn"]


@pytest.mark.parametrize("wish", ["withdrawal", "escalation"])
def test_a_wish_that_comes_after_the_answer_changes_nothing(wish: str) -> None:
    walk = Walk().refer().accepted().order(OPINION).order(DELIVERED)
    before = walk.petition
    assert walk.recall(wish).petition == before


def test_a_wish_about_an_older_referral_changes_nothing() -> None:
    walk = Walk().refer().recall("withdrawal").refer(2)
    before = walk.petition
    assert walk.recall("withdrawal", referral=1).petition == before
    assert walk.recall("withdrawal", referral=2).petition.status == domain.WITHDRAWN


def test_the_wish_to_go_up_asks_for_supervision_once_and_stops_no_clock() -> None:
    walk = Walk().refer()
    due = walk.record.next_due_at
    walk.recall("escalation").recall("escalation")
    assert walk.petition.supervision_asked
    assert walk.events == ["PetitionReceived", "SupervisionAsked"]
    assert walk.record.next_due_at == due


def test_a_later_referral_of_an_ended_petition_starts_anew() -> None:
    walk = Walk().refer().accepted(branch=5).order(REPLIED).wait(DAY).refer(2)
    petition = walk.petition
    assert (petition.status, petition.referral, petition.accepted_at) == (domain.RECEIVED, 2, None)
    assert petition.received_at == OPENED + DAY
    assert petition.clock is not None
    assert (petition.clock.name, petition.clock.epoch) == ("p1", 2)
    assert walk.record.private == {"opinion": {}, "reply": ""}
    walk.accepted().order(OPINION).order(DELIVERED)
    assert [event.referral for event, _ in walk.told("PetitionConcluded")] == [1, 2]


def test_a_referral_while_the_petition_is_open_changes_nothing() -> None:
    walk = Walk().refer().register()
    before = walk.petition
    assert walk.refer(2).petition == before


# -- registering ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("branch", [0, 7, -1])
def test_a_claim_has_one_of_six_branches(branch: int) -> None:
    found = wrong(Walk().refer(), registering(branch=branch))
    assert found == ([("branch", "not_in_1_to_6")], "petition.kinds@1")


def test_a_suggestion_has_no_branch() -> None:
    command = registering(kind=ev.PETITION_KIND_SUGGESTION, branch=6)
    assert wrong(Walk().refer(), command) == ([("branch", "only_for_a_claim")], "petition.kinds@1")


@pytest.mark.parametrize("kind", [0, 9])
def test_a_petition_is_of_one_of_the_kinds(kind: int) -> None:
    assert wrong(Walk().refer(), registering(kind=kind)) == ([("kind", "required")], "petition.kinds@1")


def test_an_accusation_is_not_registered_as_an_ordinary_petition() -> None:
    command = registering(kind=ev.PETITION_KIND_ACCUSATION, branch=0)
    found = wrong(Walk().refer(), command)
    assert found == ([("kind", "submit_it_as_an_accusation")], "petition.accusation_secrecy@1")


def test_the_content_is_a_code_of_the_table() -> None:
    found = wrong(Walk().refer(), registering(content_code="ufo"))
    assert found == ([("content_code", "unknown_code")], "petition.kinds@1")


def test_five_speak_for_a_joint_petition_and_six_do_not() -> None:
    people = [f"p-{n}" for n in range(6)]
    found = wrong(Walk().refer(), registering(petitioners=30, representative_refs=tuple(people)))
    assert found == ([("representative_refs", "more_than_5")], "petition.representatives@1")
    five = Walk().refer().register(petitioners=30, representative_refs=tuple(people[:5])).petition
    assert (five.petitioners, len(five.representative_refs)) == (30, 5)


def test_no_more_speak_than_petition() -> None:
    found = wrong(Walk().refer(), registering(petitioners=0, representative_refs=("p-1", "p-2")))
    assert found == ([("representative_refs", "more_than_petitioners")], "petition.representatives@1")


def test_a_site_may_set_another_limit_and_errors_name_its_version() -> None:
    site = limited(rules(), "petition.representatives", 3)
    command = registering(petitioners=9, representative_refs=("a", "b", "c", "d"))
    found = wrong(Walk(site).refer(), command)
    assert found == ([("representative_refs", "more_than_3")], "petition.representatives@2")


# -- routing and notice --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manner", "unit_id", "reason", "rule"),
    [
        (ev.ROUTE_MANNER_TRANSFER, "", "no_such_organ", "petition.register@1"),
        (ev.ROUTE_MANNER_TRANSFER, "jili/nowhere", "no_such_organ", "petition.register@1"),
        (ev.ROUTE_MANNER_ASSIGN, VILLAGE, "a_committee_assists", "petition.opinion_organ@1"),
        (ev.ROUTE_MANNER_REPORT, SECTION, "a_committee_assists", "petition.opinion_organ@1"),
        (ev.ROUTE_MANNER_OWN, OUTSIDE, "not_the_own_organ", "petition.register@1"),
    ],
)
def test_a_petition_goes_to_an_organ_alone(manner: int, unit_id: str, reason: str, rule: str) -> None:
    walk = Walk().refer().register()
    assert wrong(walk, domain.RoutePetition(manner, unit_id)) == ([("unit_id", reason)], rule)


@pytest.mark.parametrize("command", [domain.NotifyReceipt(), domain.NotifyReceipt("post", "name_unclear")])
def test_a_notice_is_given_or_waived_and_not_both(command: domain.NotifyReceipt) -> None:
    walk = Walk().refer().register().route()
    assert wrong(walk, command) == ([("manner", "either_manner_or_waived")], "petition.notice@1")


# -- order ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "command", "allowed", "rule"),
    [
        (domain.RECEIVED, domain.AcceptPetition(), "RegisterPetition", "petition.moments@1"),
        (domain.RECEIVED, OPINION, "RegisterPetition", "petition.opinion@1"),
        (domain.REGISTERED, domain.NotifyReceipt("post"), "RoutePetition", "petition.moments@1"),
        (domain.ROUTED, domain.AcceptPetition(), "NotifyReceipt", "petition.moments@1"),
        (domain.NOTIFIED, EXTENDED, "AcceptPetition", "petition.extension@1"),
        (domain.NOTIFIED, REPLIED, "AcceptPetition", "petition.reply@1"),
        (domain.ACCEPTED, DELIVERED, "ExtendDeadline,IssueOpinion,ReplyToPetition", "petition.opinion@1"),
        (domain.OPINION_ISSUED, OPINION, "DeliverOpinion", "petition.opinion@1"),
    ],
)
def test_what_comes_before_its_turn_is_told_state_way_and_rule(
    status: str, command: object, allowed: str, rule: str
) -> None:
    error = refusal(open_petitions()[status], command)
    assert isinstance(error, IllegalTransition)
    assert error.reason == "illegal_transition"
    assert error.details == {"state": status, "allowed": allowed, "rule": rule}


def test_a_moment_never_lies_before_the_one_that_leads_to_it() -> None:
    walk = Walk().refer().wait(2 * DAY).register()
    command = domain.RoutePetition(ev.ROUTE_MANNER_OWN)
    found = wrong(walk, command, at=OPENED + DAY)
    assert found == ([("meta.occurred_at", "before_the_last_moment")], "petition.moments@1")


# -- the opinion ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", ["", " \n"])
@pytest.mark.parametrize("part", ["claim", "facts_and_reasons", "legal_basis"])
def test_an_opinion_has_all_its_parts(part: str, blank: str) -> None:
    parts: dict[str, Any] = {"claim": "a", "facts_and_reasons": "b", "outcome": 1, "legal_basis": "c"}
    command = domain.IssueOpinion(**parts | {part: blank})
    found = wrong(Walk().refer().accepted(), command)
    assert found == ([(f"opinion.{part}", "required")], "petition.opinion_content@1")


def test_an_opinion_has_an_outcome() -> None:
    found = wrong(Walk().refer().accepted(), domain.IssueOpinion("a", "b", 0, "c"))
    assert found == ([("opinion.outcome", "required")], "petition.opinion_content@1")


def test_what_needs_no_opinion_has_none_and_what_needs_one_is_not_just_replied_to() -> None:
    none = refusal(Walk().refer().accepted(branch=1), OPINION)
    assert (none.reason, none.details["rule"]) == ("no_opinion_due", "petition.opinion@1")
    due = refusal(Walk().refer().accepted(), REPLIED)
    assert (due.reason, due.details["rule"]) == ("opinion_due", "petition.opinion@1")


# -- accusations ---------------------------------------------------------------------------------------------


def accusation() -> Walk:
    return Walk(accusing=True).accuse()


def test_an_accusation_goes_the_same_way_on_its_own_topic_alone() -> None:
    walk = accusation().accepted().order(domain.ReplyToPetition("handed_to_discipline"))
    assert walk.petition.status == domain.REPLIED
    assert {entry.topic for entry in walk.record.outbox} == {domain.RESTRICTED}
    assert {entry[0].petition.accused_unit_id for entry in walk.told("PetitionReceived")} == {VILLAGE}


def test_an_accusation_takes_no_other_kind() -> None:
    found = wrong(accusation(), registering())
    assert found == ([("kind", "is_an_accusation")], "petition.accusation_secrecy@1")


@pytest.mark.parametrize("accused", [STREET, VILLAGE])
def test_an_accusation_never_goes_to_whom_it_is_about(accused: str) -> None:
    walk = Walk(accusing=True).accuse(accused).register()
    for unit_id in {accused, SECTION}:
        found = wrong(walk, domain.RoutePetition(ev.ROUTE_MANNER_TRANSFER, unit_id))
        assert found == ([("unit_id", "is_accused")], "petition.accusation_secrecy@1")
    assert walk.route(ev.ROUTE_MANNER_TRANSFER, OUTSIDE).petition.unit_id == OUTSIDE


def test_an_accusation_against_the_top_is_with_nobody_in_the_territory() -> None:
    walk = Walk(accusing=True).accuse(STREET)
    assert walk.petition.unit_id == ""
    found = wrong(walk.register(), domain.RoutePetition(ev.ROUTE_MANNER_OWN))
    assert found == ([("unit_id", "no_such_organ")], "petition.register@1")


def test_the_accuser_withdraws_and_asks_for_supervision_without_a_word_to_routing() -> None:
    asked = accusation().hear(wish("escalation"))
    assert asked.petition.supervision_asked
    withdrawn = accusation().hear(wish("withdrawal"))
    assert withdrawn.petition.status == domain.WITHDRAWN
    assert {entry.topic for entry in (*asked.record.outbox, *withdrawn.record.outbox)} == {domain.RESTRICTED}
    before = withdrawn.petition
    assert withdrawn.hear(wish("withdrawal")).hear(wish("escalation")).petition == before


def wish(name: str) -> Any:
    kinds = {"escalation": EscalationRequested, "withdrawal": WithdrawalRequested}
    return kinds[name](reason="too_slow")
