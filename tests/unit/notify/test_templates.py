"""The texts: both locales complete, polite, plain, in the site's time."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import Tier
from fengqiao.intake.v1 import events_pb2 as intake
from fengqiao.mediation.v1 import events_pb2 as mediation
from fengqiao.petition.v1 import events_pb2 as petition
from fengqiao.routing.v1 import clock_events_pb2 as clocks
from fengqiao.routing.v1 import emergency_events_pb2 as emergencies
from fengqiao.routing.v1 import events_pb2 as routing
from fengqiao.routing.v1 import followup_events_pb2 as followup
from fengqiao.routing.v1 import force_events_pb2 as forces
from fengqiao.routing.v1 import meeting_events_pb2 as meetings
from fengqiao.routing.v1 import screening_events_pb2 as screenings
from services.notify.owed import OF_ACCUSATIONS, OWED, TEMPLATES
from services.notify.rendering import LOCALES, RenderingFailed, Templates, Text
from services.notify.settings import TEMPLATES as TEMPLATES_FOLDER
from tests.unit.notify.news import (
    ACCUSED,
    JILI,
    MEDIATOR,
    NEIGHBOUR,
    PERSON,
    accusations,
    examples,
    matter,
    notice,
    owner,
    reference,
    table,
)

HOUSE = Templates(TEMPLATES_FOLDER)
OF_CALL_OUTS = {forces.VolunteersAsked, forces.CallOutRanShort, forces.CallOutCancelled}
OF_EMERGENCIES = {kind for kind in OWED if kind.DESCRIPTOR.file is emergencies.DESCRIPTOR}
OF_SCREENINGS = {kind for kind in OWED if kind.DESCRIPTOR.file is screenings.DESCRIPTOR}
OF_MEETINGS = {kind for kind in OWED if kind.DESCRIPTOR.file is meetings.DESCRIPTOR}
EVERY = [(kind, False) for kind in OWED] + [(kind, True) for kind in OF_ACCUSATIONS]


def render(event: Message, template: str, locale: str) -> Text:
    return HOUSE.render(notice(event), template, locale, JILI)


def texts(event: Message, *, restricted: bool = False) -> list[Text]:
    """Everything that anybody is told about an event, in every locale."""
    made = notice(event, restricted=restricted)
    owed = (OF_ACCUSATIONS if restricted else OWED)[type(event)].owed
    return [HOUSE.render(made, each.template, locale, JILI) for each in owed for locale in LOCALES]


def told(kind: type[Message], *, restricted: bool) -> list[Text]:
    return texts((accusations() if restricted else examples())[kind], restricted=restricted)


every = pytest.mark.parametrize(
    ("kind", "restricted"), EVERY, ids=[f"{kind.__name__}{'-restricted' * hidden}" for kind, hidden in EVERY]
)


def test_no_template_is_missing_and_none_is_superfluous() -> None:
    assert Templates(TEMPLATES_FOLDER).faults() == []
    for locale in LOCALES:
        assert {path.stem for path in (TEMPLATES_FOLDER / locale).iterdir()} == {*TEMPLATES, "words"}


@every
def test_every_text_can_be_rendered_and_names_what_it_is_about_in_subject_and_text(
    kind: type[Message],
    restricted: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    # A call-out is at a place; who comes learns nothing of its case.
    named, hidden = ("jili/c1/s1", "JILI-") if kind in OF_CALL_OUTS else ("JILI-000001", "{")
    if kind in OF_MEETINGS:
        named = "2026-03-05"
    if kind in OF_EMERGENCIES:
        named = "flood"
    if kind in OF_SCREENINGS:
        named = "gas-safety"
    for text in told(kind, restricted=restricted):
        assert named in text.subject
        assert "\n" not in text.subject
        assert named in text.body
        assert "{" not in text.subject + text.body
        assert hidden not in text.subject + text.body


@every
def test_no_text_holds_anybodys_reference(
    kind: type[Message],
    restricted: bool,  # noqa: FBT001 - as above
) -> None:
    for text in told(kind, restricted=restricted):
        for reference_of in (PERSON, "leader-1", NEIGHBOUR, MEDIATOR):
            assert reference_of not in text.subject + text.body


@pytest.mark.parametrize("kind", list(OF_ACCUSATIONS), ids=lambda kind: kind.__name__)
def test_no_text_about_an_accusation_says_what_it_is_or_whom_it_is_about(kind: type[Message]) -> None:
    for text in told(kind, restricted=True):
        for word in (ACCUSED, "accus", "检举", "控告", "举报"):
            assert word not in (text.subject + text.body).lower()


def test_every_reason_tier_wish_and_state_has_words_in_every_locale() -> None:
    for reason in routing.MoveReason.values()[1:]:
        for tier in Tier.values()[1:]:
            assignment = owner()
            assignment.tier = tier
            assert texts(routing.CaseEscalated(case=reference(), assignment=assignment, reason=reason))
        assert texts(routing.CaseReassigned(case=reference(), assignment=owner(), reason=reason))
        assert texts(routing.SupervisionOrdered(case=reference(), assignment=owner(), reason=reason))
    for why in routing.ReturnReason.values()[1:]:
        assert texts(routing.CaseReturned(case=reference(), assignment=owner(), reason=why))
    for kind in clocks.PauseKind.values()[1:]:
        assert texts(clocks.PauseAsked(case=reference(), assignment=owner(), kind=kind))
        assert texts(clocks.ClocksPaused(case=reference(), assignment=owner(), kind=kind))
    for wish in ("escalation", "withdrawal", "reopening", "mediation", "petition"):
        for status in ("assigned", "in_progress", "resolved", "withdrawn", "joined"):
            assert texts(routing.WishDeclined(case=reference(), wish=wish, status=status))


@pytest.mark.parametrize(
    ("reason", "way_on"),
    [
        ("too_late", "petition"),
        ("too_often", "petition"),
        ("party_refused", "petition"),
        ("on_a_track", "escalation"),
        ("opinion_given", "review"),
        ("withdrawn", "new_request"),
    ],
)
def test_who_is_refused_a_wish_is_told_why_and_the_way_on(reason: str, way_on: str) -> None:
    declined: dict[str, Any] = {"case": reference(), "wish": "reopening", "status": "resolved"}
    plain = texts(routing.WishDeclined(**declined))
    refused = texts(routing.WishDeclined(**declined, reason=reason, way_on=way_on))
    event = routing.WishDeclined(case=reference(), wish="reopening", status="resolved")
    plain = texts(event)
    event.reason, event.way_on = reason, way_on
    refused = texts(event)
    assert all(said.body != other.body for said, other in zip(plain, refused, strict=True))


def test_the_resident_is_told_what_a_review_found() -> None:
    event = examples()[followup.ReviewRecorded]
    assert "you are right" in render(event, "review_recorded", "en").body
    event.finding = followup.REVIEW_FINDING_SETTLED_PROPERLY
    assert "settled properly" in render(event, "review_recorded", "en").body
    assert "办理妥当" in render(event, "review_recorded", "zh-CN").body


def test_every_track_end_form_duty_and_outcome_has_words_in_every_locale() -> None:
    for track in routing.Track.values()[1:]:
        assert texts(routing.CaseReferred(case=reference(), assignment=owner(), track=track))
    for end in mediation.EndReason.values()[1:]:
        assert texts(mediation.MediationEnded(mediation=table(), reason=end))
        conclusion = mediation.EndReason.Name(end).removeprefix("END_REASON_").lower()
        assert texts(routing.CaseTakenBack(case=reference(), assignment=owner(), conclusion=conclusion))
    for join in routing.JoinReason.values()[1:]:
        assert texts(routing.CaseJoined(case=reference(), lead_request_no="JILI-000009", reason=join))
    for part in routing.PartReason.values()[1:]:
        assert texts(routing.CaseParted(case=reference(), assignment=owner(), reason=part))
    for form in mediation.AgreementForm.values()[1:]:
        assert texts(mediation.AgreementProposed(mediation=table(), form=form))
    for outcome in petition.OpinionOutcome.values()[1:]:
        assert texts(petition.OpinionDelivered(petition=matter(), outcome=outcome))
    for feedback in (intake.FEEDBACK_DONE, intake.FEEDBACK_NOT_TAKEN_UP):
        assert texts(intake.FeedbackGiven(request_no="JILI-000001", reporter_ref="c", feedback=feedback))
    for clock in ("p1", "p2", "p4"):
        for hidden in (False, True):
            assert texts(petition.DutyOverdue(petition=matter(), clock=clock), restricted=hidden)


def test_times_are_shown_in_the_sites_zone() -> None:
    event = examples()[intake.RequestSubmitted]
    assert "2 March 2026, 16:30" in render(event, "request_received", "en").body
    assert "2026年3月2日16:30" in render(event, "request_received", "zh-CN").body


def test_a_receipt_promises_a_date_only_where_there_is_one() -> None:
    event = examples()[intake.RequestSubmitted]
    assert "should be settled by 9 March 2026" in render(event, "request_received", "en").body
    event.ClearField("due_at")
    assert "should be settled" not in render(event, "request_received", "en").body


def test_residents_are_told_what_they_can_do() -> None:
    told = examples()
    assert "one tier up" in render(told[intake.RequestSubmitted], "request_received", "en").body
    assert "withdraw" in render(told[routing.CaseEscalated], "case_escalated", "en").body
    assert "rate" in render(told[routing.CaseResolved], "case_resolved", "en").body
    assert "评价" in render(told[routing.CaseResolved], "case_resolved", "zh-CN").body


def test_without_a_language_of_their_own_people_are_told_in_the_sites() -> None:
    event = examples()[routing.CaseResolved]
    assert "已办结" in render(event, "case_resolved", "").subject
    english = replace(JILI, locale="en")
    assert (
        "settled" in Templates(TEMPLATES_FOLDER).render(notice(event), "case_resolved", "", english).subject
    )
    elsewhere = replace(JILI, locale="fr")
    assert (
        "settled" in Templates(TEMPLATES_FOLDER).render(notice(event), "case_resolved", "", elsewhere).subject
    )


def test_a_missing_or_broken_template_is_named(tmp_path: Path) -> None:
    folder = Path(copytree(TEMPLATES_FOLDER, tmp_path / "templates"))
    (folder / "en" / "case_resolved.txt").unlink()
    (folder / "zh-CN" / "case_arrived.txt").write_text("{% if %}", encoding="utf-8")
    broken = Templates(folder)
    assert broken.faults() == [
        "en/case_resolved: TemplateNotFound",
        "zh-CN/case_arrived: TemplateSyntaxError",
    ]
    with pytest.raises(RenderingFailed, match="en/case_resolved"):
        broken.render(notice(examples()[routing.CaseResolved]), "case_resolved", "en", JILI)


@pytest.mark.parametrize(
    "source",
    ["Subject {{ nothing_like_it }}\n\ntext", "Subject alone", "{{ ''.__class__.__mro__ }}\n\ntext"],
)
def test_a_template_that_asks_for_more_than_there_is_fails_instead_of_leaving_a_gap(
    tmp_path: Path, source: str
) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "case_resolved.txt").write_text(source, encoding="utf-8")
    with pytest.raises(RenderingFailed):
        Templates(tmp_path).render(notice(examples()[routing.CaseResolved]), "case_resolved", "en", JILI)


def test_a_resident_is_not_told_with_whose_request_theirs_was_joined() -> None:
    event = routing.CaseJoined(case=reference(), lead_case_id="lead", lead_request_no="JILI-000009")
    made = notice(event)
    [resident] = [each for each in OWED[routing.CaseJoined].owed if each.template == "case_joined"]
    for locale in LOCALES:
        said = HOUSE.render(made, resident.template, locale, JILI)
        assert "JILI-000001" in said.subject
        assert "JILI-000009" not in said.subject + said.body
