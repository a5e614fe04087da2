"""The kinds of aggregates that a service keeps: each in a collection of its own, swept and healed alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from services.chassis.commands import Commands
from services.chassis.committer import Committer
from services.chassis.consumer import Deciding
from services.chassis.engine import Engine
from services.chassis.publisher import Publisher

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Kind(Generic[S]):
    """One model with its collection, and what commits to it. No two kinds decide on the same topic."""

    engine: Engine[S]
    committer: Committer[S]
    publisher: Publisher
    commands: Commands[S]
    deciding: Deciding[S]

    def obeys(self, topic: str) -> bool:
        """Whether it decides on what a topic brings."""
        return any(source == topic for source, _ in self.engine.model.consumed)


def obeying(kinds: Iterable[Kind[Any]], topic: str) -> Kind[Any] | None:
    """The kind that decides on a topic; None when nobody here does."""
    return next((kind for kind in kinds if kind.obeys(topic)), None)
