"""Commands that are imported when they are called: the list of commands must not wait for gRPC or Kafka."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that isn't imported yet: `target` is `module:attribute`, a function or a Typer app."""

    target: str
    help: str
    panel: str


def load(name: str, target: str) -> Any:
    """Import a command and make it ready to run."""
    module, _, attribute = target.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        return typer.main.get_group(found)
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)


def group_of(entries: Mapping[str, Entry]) -> type[TyperGroup]:
    """A group of these commands, in this order."""

    class Lazy(TyperGroup):
        """Shows what the entries say; imports the one that is called."""

        def list_commands(self, ctx: Any) -> list[str]:
            """Every command's name."""
            del ctx
            return list(entries)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """What stands for a command in lists."""
            del ctx
            entry = entries.get(cmd_name)
            return entry and TyperCommand(cmd_name, help=entry.help, rich_help_panel=entry.panel)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            """The command itself."""
            name, _, rest = super().resolve_command(ctx, args)
            return name, load(str(name), entries[str(name)].target), rest

    return Lazy
