"""The texts: both locales complete, polite, plain, in the site's time."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from google.protobuf.message import Message

from fengqiao.common.v1.common_pb2 import Tier
from fengqiao.intake.v1 import events_pb2 as intake
from fengqiao.routing.v1 import events_pb2 as routing
from services.notify.owed import OWED, TEMPLATES
from services.notify.rendering import LOCALES, RenderingFailed, Templates, Text
from services.notify.settings import TEMPLATES as TEMPLATES_FOLDER
from tests.unit.notify.news import JILI, PERSON, examples, notice, owner, reference


def render(event: Message, template: str, locale: str) -> Text:
    return Templates(TEMPLATES_FOLDER).render(notice(event), template, locale, JILI)


def texts(event: Message) -> list[Text]:
    """Everything that anybody is told about an event, in every locale."""
    return [render(event, owed.template, locale) for owed in OWED[type(event)].owed for locale in LOCALES]


def test_no_template_is_missing_and_none_is_superfluous() -> None:
    assert Templates(TEMPLATES_FOLDER).faults() == []
    for locale in LOCALES:
        assert {path.stem for path in (TEMPLATES_FOLDER / locale).iterdir()} == {*TEMPLATES, "words"}


@pytest.mark.parametrize("kind", list(OWED), ids=lambda kind: kind.__name__)
def test_every_text_can_be_rendered_and_names_the_request_in_subject_and_text(kind: type[Message]) -> None:
    for text in texts(examples()[kind]):
        assert "JILI-000001" in text.subject
        assert "\n" not in text.subject
        assert "JILI-000001" in text.body
        assert "{" not in text.subject + text.body


@pytest.mark.parametrize("kind", list(OWED), ids=lambda kind: kind.__name__)
def test_no_text_holds_anybodys_reference(kind: type[Message]) -> None:
    for text in texts(examples()[kind]):
        assert PERSON not in text.body
        assert "leader-1" not in text.body


def test_every_reason_tier_wish_and_state_has_words_in_every_locale() -> None:
    for reason in routing.MoveReason.values()[1:]:
        for tier in Tier.values()[1:]:
            assignment = owner()
            assignment.tier = tier
            assert texts(routing.CaseEscalated(case=reference(), assignment=assignment, reason=reason))
        assert texts(routing.SupervisionOrdered(case=reference(), assignment=owner(), reason=reason))
    for wish in ("escalation", "withdrawal", "reopening"):
        for status in ("assigned", "in_progress", "resolved", "withdrawn"):
            assert texts(routing.WishDeclined(case=reference(), wish=wish, status=status))


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
