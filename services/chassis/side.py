"""Aggregates that a service keeps beside its first kind, in a collection of their own."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from services.chassis.commands import Commands
from services.chassis.committer import Committer
from services.chassis.publisher import Publisher

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Side(Generic[S]):
    """Begun and commanded like any other; they consume nothing, and nothing of theirs falls due."""

    committer: Committer[S]
    publisher: Publisher
    commands: Commands[S]
