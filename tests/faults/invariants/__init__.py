"""What must hold, as small pure functions over the evidence: each counts what it looks at.

They know the contract (topics, event types, clocks of the site) and nothing of how services keep it.
"""

from collections.abc import Sequence

from tests.faults.evidence import Check, Evidence, Tally
from tests.faults.invariants import cases, effects, letters, order, privacy, recovery, timers

CHECKS: Sequence[Check] = (
    cases.answered_submissions_have_one_case,
    cases.agencies_have_one_case_and_their_replies,
    cases.commands_have_one_effect,
    cases.nothing_came_from_nowhere,
    cases.counts_agree,
    timers.every_clock_fires_once_or_is_stopped,
    timers.nothing_fires_early,
    timers.what_was_said_before_counts_after_an_outage,
    order.sequences_are_whole,
    order.chains_hold,
    order.paths_are_legal,
    order.all_that_was_said_was_heard,
    order.state_is_what_events_say,
    effects.outboxes_are_empty,
    effects.a_consumed_event_is_applied_once,
    effects.every_request_event_has_its_effect,
    effects.timelines_have_every_event_once,
    effects.notices_are_made_and_end,
    letters.poison_in_is_letters_out,
    letters.neighbours_are_not_delayed,
    privacy.nothing_personal_leaves_the_vault,
    recovery.all_is_well_again_in_time,
)


OF_ANY_SITE: Sequence[Check] = (
    order.sequences_are_whole,
    order.chains_hold,
    order.paths_are_legal,
    order.all_that_was_said_was_heard,
    order.state_is_what_events_say,
    effects.outboxes_are_empty,
    effects.a_consumed_event_is_applied_once,
    effects.every_request_event_has_its_effect,
    effects.timelines_have_every_event_once,
    effects.notices_are_made_and_end,
)
"""Those that need no history of the clients and hold whatever a site's clocks are."""


def look_at(evidence: Evidence, checks: Sequence[Check] = CHECKS) -> Tally:
    """Checks over the evidence; all of them unless some are named."""
    tally = Tally()
    for check in checks:
        check(evidence, tally)
    return tally
