"""The `fengqiao` command: the table of its commands, imported when they are called."""

import logging
import sys

import structlog
import typer

from services.cli.lazy import Entry, group_of

RUN, ASK, HANDLE, OPERATE = "Run it", "Ask and follow", "Handle", "Operate"

CLIENT = "services.cli.client"
COMMANDS = {
    "demo": Entry("services.cli.demo.command:demo", "Run a real city's requests through all services.", RUN),
    "up": Entry("services.cli.up:up", "Run broker, store and services here until Ctrl-C.", RUN),
    "doctor": Entry("services.cli.doctor:doctor", "Say which parts there are, and how services do.", RUN),
    "prepare": Entry("services.cli.prepare:prepare", "Make keys and sites for services in containers.", RUN),
    "submit": Entry(f"{CLIENT}.requests:submit", "Take a request in.", ASK),
    "show": Entry(f"{CLIENT}.requests:show", "A request, and where it stands.", ASK),
    "track": Entry(f"{CLIENT}.requests:track", "Where a request stands, by its tracking code.", ASK),
    "timeline": Entry(f"{CLIENT}.requests:timeline", "Everything that happened to a case.", ASK),
    "ask-up": Entry(f"{CLIENT}.requests:ask_up", "The resident asks for the next tier up.", ASK),
    "ask-for": Entry(f"{CLIENT}.requests:ask_for", "The resident asks for mediation or petition.", ASK),
    "withdraw": Entry(f"{CLIENT}.requests:withdraw", "The resident takes the request back.", ASK),
    "rate": Entry(f"{CLIENT}.requests:rate", "The resident's answer to the outcome.", ASK),
    "reopen": Entry(f"{CLIENT}.requests:reopen", "The resident says it is not settled.", ASK),
    "report": Entry(f"{CLIENT}.sightings:report", "A courier reports what they saw.", ASK),
    "feedback": Entry(f"{CLIENT}.sightings:feedback", "What became of a courier's report.", ASK),
    "contact": Entry(f"{CLIENT}.people:contact", "Contacts in the vault: put, show.", ASK),
    "notices": Entry(f"{CLIENT}.people:notices", "Notices of a person or a post.", ASK),
    "request": Entry(f"{CLIENT}.matters:request", "Of one matter: duplicates, link, reject.", HANDLE),
    "queue": Entry(f"{CLIENT}.cases:queue", "Open cases of a unit, soonest due first.", HANDLE),
    "accept": Entry(f"{CLIENT}.cases:accept", "Take a case on.", HANDLE),
    "progress": Entry(f"{CLIENT}.cases:progress", "Say what was done.", HANDLE),
    "resolve": Entry(f"{CLIENT}.cases:resolve", "Settle a case.", HANDLE),
    "escalate": Entry(f"{CLIENT}.cases:escalate", "Lift a case one tier.", HANDLE),
    "refer": Entry(f"{CLIENT}.cases:refer", "Hand a case to mediation or petition handling.", HANDLE),
    "return": Entry(f"{CLIENT}.cases:give_back", "Give a case back: not mine.", HANDLE),
    "rule": Entry(f"{CLIENT}.cases:rule", "Rule on a return.", HANDLE),
    "transfer": Entry(f"{CLIENT}.cases:transfer", "Move a case to another unit.", HANDLE),
    "supervision": Entry(f"{CLIENT}.supervision:supervision", "Orders: order, answer, judge, list.", HANDLE),
    "recuse": Entry(f"{CLIENT}.cases:recuse", "Hand a case over for a direct interest.", HANDLE),
    "split-off": Entry(f"{CLIENT}.cases:split_off", "Split off a part that is for the courts.", HANDLE),
    "delegation": Entry(f"{CLIENT}.delegating:delegation", "A case for its holder: give, end.", HANDLE),
    "assist": Entry(f"{CLIENT}.assisting:assist", "Assisting units: ask, answer, end, team, list.", HANDLE),
    "join": Entry(f"{CLIENT}.cases:join", "Join a case with another of the same matter.", HANDLE),
    "part": Entry(f"{CLIENT}.cases:part", "Part a joined case again.", HANDLE),
    "time": Entry(f"{CLIENT}.times:times", "A case's clocks: pause, extend, grant, refuse, resume.", HANDLE),
    "call-back": Entry(f"{CLIENT}.followups:call_back", "Say what a resident answered, called back.", HANDLE),
    "follow-ups": Entry(f"{CLIENT}.followups:follow_ups", "Call-backs and reviews to be made.", HANDLE),
    "review": Entry(f"{CLIENT}.followups:review", "Say whether a settlement was poor.", HANDLE),
    "route": Entry(f"{CLIENT}.cases:route", "Where a case would start, and why.", HANDLE),
    "explain": Entry(f"{CLIENT}.cases:explain", "How a case's due times were found.", HANDLE),
    "board": Entry(f"{CLIENT}.watching:board", "Counts per tier and status; what wants attention.", HANDLE),
    "mediation": Entry(f"{CLIENT}.mediations:mediation", "Mediation: open … sign, end, show, list.", HANDLE),
    "petition": Entry(f"{CLIENT}.petitions:petition", "Petitions: register … reply, show, list.", HANDLE),
    "import": Entry("services.cli.sheets.command:take_over", "Take a directory over from sheets.", HANDLE),
    "export": Entry("services.cli.sheets.export:give_out", "Give the directory out as sheets.", HANDLE),
    "synth": Entry("services.cli.sheets.command:synth", "Make a directory up, as sheets.", HANDLE),
    "directory": Entry(f"{CLIENT}.looking:directory", "Units, households, leaders; who answers.", HANDLE),
    "roster": Entry(f"{CLIENT}.rosters:roster", "Departments, who is on duty, summonses.", HANDLE),
    "person": Entry(f"{CLIENT}.persons:person", "Persons: roles, offers, how many there are.", HANDLE),
    "force": Entry(f"{CLIENT}.forces:force", "Volunteers: teams, call-outs, hours.", HANDLE),
    "code": Entry(f"{CLIENT}.codes:code", "Village codes: adopt, repeal, show, list.", HANDLE),
    "hotspots": Entry(f"{CLIENT}.analysis:hotspots", "Where more of a kind comes in than before.", HANDLE),
    "indicators": Entry(f"{CLIENT}.analysis:indicators", "How units did in a period.", HANDLE),
    "meeting": Entry(f"{CLIENT}.meetings:meeting", "Joint meetings: call, agenda, minutes, tasks.", HANDLE),
    "emergency": Entry(f"{CLIENT}.emergencies:emergency", "Other rules for an area and a time.", HANDLE),
    "screening": Entry(f"{CLIENT}.screenings:screening", "Screening: plan, report, risk, close.", HANDLE),
    "deliveries": Entry(f"{CLIENT}.people:deliveries", "Who was told, and how it ended.", OPERATE),
    "source": Entry(f"{CLIENT}.agencies:source", "Sources of agencies: register.", OPERATE),
    "publish": Entry(f"{CLIENT}.agencies:publish", "Publish an agency's event and print the reply.", OPERATE),
    "token": Entry(f"{CLIENT}.operate:token", "A token of the runtime's development issuer.", OPERATE),
    "clock": Entry(f"{CLIENT}.operate:clock", "The clock of a replay site: move.", OPERATE),
    "dlq": Entry(f"{CLIENT}.operate:dlq", "Dead letters: list, show, replay, drop.", OPERATE),
    "resume": Entry(f"{CLIENT}.operate:resume", "End a stop that dead letters caused.", OPERATE),
}

app = typer.Typer(
    name="fengqiao",
    cls=group_of(COMMANDS),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def fengqiao() -> None:
    """Settles people's requests and disputes at the lowest tier that can."""


def main() -> None:
    """Runs the command line. Only errors are logged here: what a person should see, the commands print."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    for noisy in ("kafka", "pymongo", "grpc"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    app()


if __name__ == "__main__":
    main()
