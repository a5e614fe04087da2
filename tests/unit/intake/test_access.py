"""The table of methods, and the reach of each role."""

import pytest

from fengqiao.intake.v1 import intake_service_pb2
from services.chassis.auth import Principal, Role, methods_of
from services.chassis.errors import Forbidden, NotFound
from services.intake.access import RULES, WHOLE_SITE, out_of_reach


def test_every_method_has_a_rule_and_every_rule_a_method() -> None:
    assert sorted(RULES) == sorted(methods_of(intake_service_pb2.DESCRIPTOR.services_by_name.values()))


@pytest.mark.parametrize("role", Role)
def test_only_who_sees_the_whole_site_is_told_that_something_is_not_there(role: Role) -> None:
    refusal = out_of_reach(Principal("somebody", role, "jili", ("*",)))
    assert isinstance(refusal, NotFound if role in WHOLE_SITE else Forbidden)
