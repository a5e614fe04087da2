"""The plan that a settlement goes by, in three parts: feeling, reason, law (情理法)."""

from dataclasses import dataclass

from fengqiao.routing.v1 import events_pb2 as ev
from services.chassis.errors import Invalid, Violation
from services.routing.domain.codes.village_code import digest_of

PARTS = ("feeling", "reason", "law")


@dataclass(frozen=True, slots=True)
class ThreeParts:
    """What is written of each part."""

    feeling: str = ""
    reason: str = ""
    law: str = ""

    @property
    def texts(self) -> dict[str, str]:
        """By part."""
        return {part: getattr(self, part).strip() for part in PARTS}

    @property
    def private(self) -> dict[str, str]:
        """As the store keeps them; nothing where there is no plan."""
        return {f"plan_{part}": text for part, text in self.texts.items() if text}


NO_PLAN = ThreeParts()


def digests(plan: ThreeParts, *, required: bool) -> ev.ResolutionPlan | None:
    """What an event tells of a plan; None where there is none and none is needed.

    Raises:
        Invalid: a part lacks, of a plan that is needed or begun.
    """
    texts = plan.texts
    if not required and not any(texts.values()):
        return None
    if lacking := [part for part in PARTS if not texts[part]]:
        raise Invalid([Violation(f"plan.{part}", "required") for part in lacking])
    return ev.ResolutionPlan(**{part: digest_of(text) for part, text in texts.items()})
