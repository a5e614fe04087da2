"""What a service says of its aggregate: pure functions that the engine calls, and the table of
transitions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from services.chassis.errors import IllegalTransition
from services.chassis.record import Deadline

S = TypeVar("S")
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may know of the world.

    `at` is the business time of the thing decided on, `now` the site's clock, `replay` whether that clock is
    a replay. `aggregate_id` and `site` name the case. `recorded_at` is the wall clock.
    """

    aggregate_id: str
    site: str
    at: datetime
    now: datetime
    recorded_at: datetime
    replay: bool = False
    late: bool = False

    def start_after(self, due_at: datetime, grace: timedelta) -> datetime:
        """When a clock begins that a firing starts: the firing's due time, or now after an outage
        (rule 17).
        """
        return due_at if self.replay or self.now - due_at <= grace else self.now


@dataclass(frozen=True, slots=True)
class Emit:
    """An event to publish; `also` names further own topics that carry it.

    With `only` it goes to that one own topic instead of the public one, and the state does not fold it: a
    reply to
    somebody that shares the commit of what it answers (rule 5).
    """

    message: Message
    also: tuple[str, ...] = ()
    only: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision came to: events (which `evolve` folds into the state) and changes to private data."""

    events: tuple[Emit, ...] = ()
    private: Mapping[str, Any] = field(default_factory=dict)


NOTHING = Decision()


def decided(*messages: Message, also: tuple[str, ...] = (), **private: Any) -> Decision:
    """A decision that emits the messages in order."""
    return Decision(tuple(Emit(m, also) for m in messages), private)


@dataclass(frozen=True, slots=True)
class Consumed:
    """How one type of consumed event is decided on. An opening event makes the aggregate; others wait for
    it.
    """

    decide: Callable[[Any, Any, Context], Decision]
    opens: bool = False


@dataclass(frozen=True, slots=True)
class Model(Generic[S]):
    """A service's aggregate.

    `topic` carries every public event; `evolve(state, event, context)` folds them; `consumed` is keyed by
    (topic, full type name); `fire(state, deadline, context)` decides what a deadline does; `deadlines(state)`
    lists the open ones; `known_since(state)` is the wall time of its first event (a deadline that was over by
    then is not late, its case came in late); `dump` and `load` turn the state into a document and back.
    """

    service: str
    topic: str
    evolve: Callable[[S | None, Message, Context], S]
    dump: Callable[[S], dict[str, Any]]
    load: Callable[[Mapping[str, Any]], S]
    deadlines: Callable[[S], Iterable[Deadline]] = lambda _state: ()
    fire: Callable[[S, Deadline, Context], Decision] | None = None
    known_since: Callable[[S], datetime] | None = None
    consumed: Mapping[tuple[str, str], Consumed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transition(Generic[S, C]):
    """One cell of the table: who decides, and the states it may lead to (for the diagram and the walk)."""

    decide: Callable[[S, C, Context], Decision]
    to: tuple[str, ...]


Table = Mapping[tuple[str, type[Any]], Transition[Any, Any]]


def allowed(table: Table, status: str) -> list[str]:
    """Names of the commands that a caller may send in a status, sorted; consumed events and firings are no
    commands.
    """
    return sorted(
        command.__name__
        for state, command in table
        if state == status
        and not issubclass(command, Message)
        and not getattr(command, "happens_by_itself", False)
    )


def transition(table: Table, status: str, state: S, command: object, context: Context) -> Decision:
    """Decide by the table.

    Raises:
        IllegalTransition: the status does not allow the command; the error names both and what is allowed.
    """
    cell = table.get((status, type(command)))
    if cell is None:
        names = allowed(table, status)
        message = (
            f"{type(command).__name__} is not allowed in {status}; allowed: {', '.join(names) or 'nothing'}"
        )
        raise IllegalTransition(message, state=status, allowed=",".join(names))
    return cell.decide(state, command, context)


def diagram(table: Table, start: Sequence[tuple[str, str]]) -> str:
    """The table as a Mermaid state diagram; `start` gives the (status, label) pairs that begin it."""
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {status}: {label}" for status, label in start]
    arrows = {(state, to, command.__name__) for (state, command), cell in table.items() for to in cell.to}
    lines += [f"    {state} --> {to}: {command}" for state, to, command in sorted(arrows)]
    return "\n".join(lines)
