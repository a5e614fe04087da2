"""`make faults`: break the house, heal it, look whether everything holds.

`python -m tests.faults once` runs a mixed schedule or one fault, `all` each fault alone, `mutations` proves
that the checker can fail.
"""

import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import structlog
import typer

from services.chassis.clock import monotonic
from tests.faults.crowd import Load
from tests.faults.mutations import mutations, prove
from tests.faults.nemesis import ELSEWHERE, FAULTS, Planned, schedule
from tests.faults.results import DOCS, Results
from tests.faults.run import Order, Outcome, run, run_on, wanted_for
from tests.faults.stage import Wanted, laid

app = typer.Typer(add_completion=False, no_args_is_help=True)

BEGINS_S = 4.0
TAIL_S = 3.0
SHOWN = 40
PREFIX = "fengqiao-faults-"
OUT = typer.Option(help="Folder of faults.json and reliability.md.")
SHARING = 8
"""How many runs share a stage at most: each looks at all that the former ones left."""


@app.command()
def once(  # noqa: PLR0913 - options of a command
    seed: Annotated[int | None, typer.Option(help="Decides everything; printed when not given.")] = None,
    seconds: Annotated[float, typer.Option(help="How long the faults go on.")] = 90.0,
    fault: Annotated[str, typer.Option(help="One fault alone, by name.")] = "",
    brokers: Annotated[int, typer.Option(help="1 or 3 brokers of Apache Kafka; 0: the wheel's.")] = 3,
    pace: Annotated[float, typer.Option(help="Cases a second.")] = 5.0,
    size: Annotated[int, typer.Option(help="Cases of a herd.")] = 300,
    keep: Annotated[Path | None, typer.Option(help="Where to leave history, logs and data.")] = None,
    *,
    wheel_store: Annotated[bool, typer.Option("--wheel-store", help="The store's wheel.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Keep it in docs/faults.json.")] = False,
) -> None:
    """A mixed random schedule, or one fault."""
    quiet()
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    wanted = Wanted(brokers=brokers, wheel_store=wheel_store)
    if fault and (lacking := FAULTS[fault].lacks() or lacks_broker(fault, wanted)):
        typer.echo(f"{fault} can't be done here: it needs {lacking}")
        raise typer.Exit(0)
    made = order_of(fault, seed, wanted, pace, size) if fault else mixed(seed, seconds, wanted, pace)
    outcome = perform(made, keep)
    if record:
        results = Results(DOCS)
        results.add(outcome)
        results.report()
    show(outcome)
    raise typer.Exit(bool(outcome.violations))


@app.command(name="all")
def all_of_them(
    seeds: Annotated[int, typer.Option(help="Runs of each fault.")] = 2,
    only: Annotated[list[str] | None, typer.Option(help="Some faults, by name.")] = None,
    brokers: Annotated[int, typer.Option(help="1 or 3 brokers; 0: the wheel's.")] = 3,
    minutes: Annotated[float, typer.Option(help="Begin no further run after this time.")] = 10**6,
    out: Annotated[Path, OUT] = DOCS,
    *,
    again: Annotated[bool, typer.Option("--again", help="Also what was run before.")] = False,
) -> None:
    """Each fault alone; goes on where it was left, and says what is done so far."""
    quiet()
    results, end = Results(out), monotonic() + 60 * minutes
    failed, wanted = 0, Wanted(brokers=brokers)
    for seed in range(1, seeds + 1):
        orders = []
        for name in only or FAULTS:
            if lacking := FAULTS[name].lacks():
                typer.echo(f"{name}: not here, it needs {lacking}")
            elif again or not results.has(name, seed):
                orders.append(order_of(name, seed, wanted))
        for outcome in one_after_the_other(orders, end):
            results.add(outcome)
            results.report()
            show(outcome)
            failed += bool(outcome.violations)
    typer.echo(results.summary())
    raise typer.Exit(bool(failed))


def one_after_the_other(orders: Sequence[Order], end: float) -> Iterator[Outcome]:
    """Run each alone; those that need the same stage share it, until something is wrong there."""
    left = list(orders)
    while left and monotonic() < end:
        wanted = wanted_for(left[0])
        alike = [order for order in left if wanted_for(order) == wanted][:SHARING]
        with (
            tempfile.TemporaryDirectory(prefix=PREFIX) as name,
            laid(Path(name), wanted) as stage,
        ):
            for order in alike:
                if monotonic() > end:
                    return
                left.remove(order)
                outcome = run_on(stage, order, typer.echo)
                yield outcome
                if outcome.violations:
                    break


@app.command(name="mutations")
def all_mutations(
    seed: Annotated[int, typer.Option(help="Of the first run of each.")] = 1,
    only: Annotated[list[str] | None, typer.Option(help="Some, by name.")] = None,
    minutes: Annotated[float, typer.Option(help="Begin no further one after this time.")] = 10**6,
    out: Annotated[Path, OUT] = DOCS,
    *,
    again: Annotated[bool, typer.Option("--again", help="Also those that were run before.")] = False,
) -> None:
    """Take away what holds the house together, one thing after the other: the checker must notice each."""
    quiet()
    results, listed, end = Results(out), mutations(), monotonic() + 60 * minutes
    if wrong := [reason for each in listed if (reason := each.patch.misplaced())]:
        typer.echo("\n".join(wrong))
        raise typer.Exit(1)
    for mutation in listed:
        done = mutation.name in results.content["mutations"] and not again
        if done or (only and mutation.name not in only) or monotonic() > end:
            continue
        verdict = prove(mutation, seed, typer.echo)
        results.add_verdict(verdict)
        results.report()
        typer.echo(
            f"{'caught' if verdict.caught else 'LIVES '}  {mutation.name}  {' '.join(verdict.invariants)}"
        )
    known = results.content["mutations"]
    caught = sum(bool(known.get(mutation.name, {}).get("caught")) for mutation in listed)
    typer.echo(f"{caught} of {len(listed)} mutations caught")
    raise typer.Exit(caught < len(listed))


@app.command()
def report() -> None:
    """Write the tables of docs/reliability.md anew."""
    Results(DOCS).report()


def lacks_broker(fault: str, wanted: Wanted) -> str | None:
    """Why a fault can't be done on the broker that is wanted."""
    genuine = FAULTS[fault].genuine_broker and not wanted.brokers
    return "brokers that keep what they acknowledged (the wheel's is in memory)" if genuine else None


@app.command(name="list")
def list_faults() -> None:
    """Every fault, and what is not done here."""
    for name, fault in FAULTS.items():
        lacking = fault.lacks()
        typer.echo(f"{name:24} {fault.what}" + (f" (needs {lacking})" if lacking else ""))
    for name, reason in ELSEWHERE.items():
        typer.echo(f"not here: {name}: {reason}")


def order_of(fault: str, seed: int, wanted: Wanted, pace: float = 5.0, size: int = 300) -> Order:
    """One fault alone, for its usual time."""
    lasts = FAULTS[fault].seconds
    return Order(
        name=fault,
        seed=seed,
        schedule=[Planned(fault, BEGINS_S, lasts)],
        seconds=BEGINS_S + lasts + TAIL_S,
        wanted=wanted,
        load=Load(pace=pace),
        size=size,
    )


def mixed(seed: int, seconds: float, wanted: Wanted, pace: float = 5.0) -> Order:
    """A random schedule."""
    return Order(
        name="mixed",
        seed=seed,
        schedule=schedule(seed, seconds),
        seconds=seconds,
        wanted=wanted,
        load=Load(pace=pace),
    )


def perform(order: Order, keep: Path | None) -> Outcome:
    """Run it in a folder of its own, which is kept where somebody wants it."""
    if keep is not None:
        keep.mkdir(parents=True)
        return run(order, keep, typer.echo)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        return run(order, Path(name), typer.echo)


def show(outcome: Outcome) -> None:
    """What came of it; the verdict is the last line."""
    for story in outcome.stories:
        typer.echo(story)
    for line in outcome.violations[:SHOWN]:
        typer.echo(line)
    typer.echo(", ".join(f"{name} {value}" for name, value in outcome.figures.items()))
    typer.echo(outcome.line)


def quiet() -> None:
    """Only errors of the harness itself: that things die is what it is for."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))


if __name__ == "__main__":
    app()
