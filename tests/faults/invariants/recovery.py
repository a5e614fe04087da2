"""After the fault all is well again, in time and by itself (I5, I15)."""

from tests.faults.evidence import Evidence, Tally

READY_S = 60.0
ANSWERED_S = 60.0
RESTED_S = 150.0


def all_is_well_again_in_time(evidence: Evidence, tally: Tally) -> None:
    """Everything is ready, calls are answered, and all comes to rest within its time after the heal."""
    history = evidence.history.last_run()
    healed = [entry.at for entry in history.of("nemesis", "healed")]
    if not healed:
        tally.check("I15", holds=False, text="nobody healed anything")
        return
    heal = max(healed)
    for what, limit in (("ready", READY_S), ("rested", RESTED_S)):
        reached = [entry.at for entry in history.of("nemesis", what)]
        text = f"not {what} within {limit:g} s of the heal"
        tally.check("I15", holds=bool(reached) and min(reached) - heal <= limit, text=text)
    answers = [entry.at for entry in history.of("ok", "submit") if entry.at > heal]
    asked = [entry.at for entry in history.of("invoke", "submit") if entry.at > heal]
    if asked:
        answered = bool(answers) and min(answers) - heal <= ANSWERED_S
        tally.check("I15", holds=answered, text=f"no submission answered within {ANSWERED_S:g} s of the heal")
    for entry in history.of("nemesis", "left"):
        tally.check("I15", holds=not entry.more["what"], text=f"left when time was up: {entry.more['what']}")
    for entry in history.of("nemesis", "broken"):
        tally.check("I15", holds=False, text=f"a client came upon: {entry.more['what']}")
