"""Early warnings (预警): what a screening campaign (排查) found, taken in as a request that nobody asks for.

Nobody's voice can be had: it is neither rated nor withdrawn; a superior records its end (routing).
"""

from fengqiao.intake.v1.intake_service_pb2 import RequestBody
from services.chassis.auth import Principal, Role
from services.chassis.errors import Violation
from services.intake.accusations import accuses

CHANNEL = "screening"
REPORTERS = frozenset({Role.HANDLER, Role.CLERK, Role.DESK})
"""Who takes part in a campaign."""


def faults(principal: Principal, body: RequestBody) -> list[Violation]:
    """What is wrong with a submission that names a campaign, or comes by its channel without."""
    if not body.screening_code:
        wrong = [("screening_code", "required")] if body.channel == CHANNEL else []
    else:
        checks = (
            ("screening_code", "not_for_this_role", principal.role not in REPORTERS),
            ("channel", "not_screening", body.channel != CHANNEL),
            ("person_ref", "nobody_asks", bool(body.person_ref)),
            ("kind", "not_for_early_warnings", accuses(body.kind)),
        )
        wrong = [(field, reason) for field, reason, holds in checks if holds]
    return [Violation(f"request.{field}", reason) for field, reason in wrong]
