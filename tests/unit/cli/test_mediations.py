"""What the mediation commands say to the service, and what they show of its answers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from typer.testing import CliRunner, Result

from fengqiao.common.v1.common_pb2 import Clock
from fengqiao.mediation.v1 import events_pb2 as ev
from fengqiao.mediation.v1 import mediation_service_pb2 as rpc
from fengqiao.mediation.v1.mediation_service_pb2_grpc import add_MediationServiceServicer_to_server
from services.chassis.protobuf import instant, timestamp
from services.cli.__main__ import app

CASE = "0566b6d8-6cf4-5a20-a290-cf1ebdfd650a"
DUE = timestamp(datetime(2026, 4, 1, tzinfo=UTC))
SHOWN = rpc.Mediation(
    case_id=CASE,
    reference=ev.MediationReference(request_no="JILI-000001", party_refs=["p-1", "p-2"], unit_id="jili/hexi"),
    status=rpc.MEDIATION_STATUS_SIGNING,
    clock=Clock(name="term", epoch=1, rule="mediation.term@1", due_at=DUE, rolled_due_at=DUE),
    agreement=rpc.Agreement(agreement=1, form=ev.AGREEMENT_FORM_WRITTEN),
)


@dataclass
class Committee:
    """Answers every method with the same mediation, and keeps what it was asked."""

    asked: list[Any] = field(default_factory=list)

    def __getattr__(self, _method: str) -> Any:
        return self.answer

    def answer(self, request: Message, _context: grpc.ServicerContext) -> Any:
        self.asked.append(request)
        name = type(request).__name__.removesuffix("Request")
        response = getattr(rpc, f"{name}Response")
        if name == "ListMediations":
            return response(mediations=[SHOWN], next_page_token="next")  # noqa: S106 - a page's
        if name == "ExplainDeadline":
            return response(clocks=[SHOWN.clock], running="term")
        return response(mediation=SHOWN)


@pytest.fixture
def committee() -> Committee:
    return Committee()


@pytest.fixture
def address(committee: Committee) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2))
    fake: Any = committee
    add_MediationServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def typed(address: str, *words: str) -> Result:
    given = ["mediation", *words, "--address", address]
    result = CliRunner(env={"FENGQIAO_TOKEN": "a-token"}).invoke(app, given)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize(
    ("words", "request_type", "fields"),
    [
        (
            "open CASE 01 p-1 p-2",
            rpc.OpenMediationRequest,
            {"dispute_type": "01", "party_refs": ["p-1", "p-2"]},
        ),
        ("consent CASE p-1", rpc.GiveConsentRequest, {"party_ref": "p-1", "manner": "online"}),
        ("refuse CASE p-1 --note no", rpc.RefuseMediationRequest, {"party_ref": "p-1", "note": "no"}),
        ("choose CASE p-1 m-1", rpc.ChooseMediatorRequest, {"party_ref": "p-1", "mediator_ref": "m-1"}),
        ("confirm CASE", rpc.ConfirmMediatorRequest, {"accept": True, "reason": ""}),
        (
            "confirm CASE --decline recusal",
            rpc.ConfirmMediatorRequest,
            {"accept": False, "reason": "recusal"},
        ),
        ("schedule CASE 2026-03-02T09:30+0800 online", rpc.ScheduleSessionRequest, {"manner": "online"}),
        (
            "record CASE 1 words --attended p-1 --undisputed facts",
            rpc.RecordSessionRequest,
            {"session": 1, "record": "words", "attended_refs": ["p-1"], "undisputed_facts": "facts"},
        ),
        ("extend CASE 15 p-1 p-2", rpc.ExtendTermRequest, {"days": 15, "agreed_refs": ["p-1", "p-2"]}),
        (
            "propose CASE facts p-2 cooks 2026-04-02T09:30+0800 apology --form online --partial",
            rpc.ProposeAgreementRequest,
            {"form": ev.AGREEMENT_FORM_ONLINE, "partial": True},
        ),
        (
            "sign CASE jili/hexi committee",
            rpc.SignAgreementRequest,
            {"capacity": ev.SIGNER_CAPACITY_COMMITTEE, "signer_ref": "jili/hexi"},
        ),
        ("end CASE too_far_apart", rpc.EndMediationRequest, {"reason": ev.END_REASON_TOO_FAR_APART}),
        ("show CASE", rpc.GetMediationRequest, {}),
        ("explain CASE", rpc.ExplainDeadlineRequest, {}),
    ],
)
def test_a_command_is_translated_word_by_word(
    address: str, committee: Committee, words: str, request_type: type[Message], fields: dict[str, Any]
) -> None:
    said = typed(address, *words.replace("CASE", CASE).split())
    assert said.exit_code == 0, said.output
    [asked] = committee.asked
    assert asked.DESCRIPTOR is request_type.DESCRIPTOR
    assert asked.case_id == CASE
    for name, value in fields.items():
        assert getattr(asked, name) == value
    if "meta" in asked.DESCRIPTOR.fields_by_name:
        assert asked.meta.idempotency_key


def test_times_are_read_with_their_zone(address: str, committee: Committee) -> None:
    typed(address, "propose", CASE, "facts", "p-2", "cooks", "2026-04-02T09:30+0800")
    typed(address, "schedule", CASE, "2026-03-02T09:30+0800")
    proposed, scheduled = committee.asked
    assert instant(proposed.content.terms[0].due_at) == datetime(2026, 4, 2, 1, 30, tzinfo=UTC)
    assert instant(scheduled.at) == datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def test_a_mediation_is_shown_and_listed(address: str) -> None:
    shown = typed(address, "show", CASE).stdout
    assert "term until 2026-04-01" in shown
    assert "written" in shown
    listed = typed(address, "list", "jili", "--below").stdout
    assert "jili/hexi" in listed
    assert listed.endswith("more: --page next\n")
    assert "runs now" in typed(address, "explain", CASE).stdout
