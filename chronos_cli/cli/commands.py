"""The commands of `chronos`; the file of each is imported when it is called."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer
import typer.main
from typer._completion_classes import completion_init
from typer.core import TyperGroup

from chronos_cli import __version__

NAMES = (
    "run",
    "cron",
    "next",
    "validate",
    "history",
    "replay",
    "init",
    "schema",
    "receive",
    "demo",
    "protocols",
    "completion",
)
_HELP = {"help_option_names": ["-h", "--help"]}


class _Lazy(MutableMapping[str, Any]):
    """Commands by name, imported when they are looked up."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in NAMES:
            raise KeyError(name)
        if name not in self._made:
            app = typer.Typer(
                add_completion=False, rich_markup_mode=None, context_settings=dict(_HELP)
            )
            app.command(name)(import_module(f"chronos_cli.cli.{name}").command)
            self._made[name] = typer.main.get_command(app)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


class _Commands(TyperGroup):
    """The group of all commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": None})
        self.commands = _Lazy()

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named; RuntimeError when code of a plug-in exits in it."""
        try:
            return super().invoke(ctx)
        except SystemExit as stop:  # commands raise typer.Exit
            message = f"something called sys.exit({stop.code!r})"
            raise RuntimeError(message) from stop


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"chronos {__version__}")
        raise typer.Exit


def _chronos(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Fire jobs over HTTP, gRPC, Kafka, NATS and RabbitMQ from YAML files."""


def make_app() -> Any:
    """Return the whole command line as Typer's command."""
    app = typer.Typer(
        name="chronos",
        cls=_Commands,
        add_completion=False,
        rich_markup_mode=None,
        no_args_is_help=True,
        context_settings=dict(_HELP),
    )
    app.callback()(_chronos)
    return typer.main.get_command(app)


def run_command() -> int:
    """Run the command that argv names; return its exit code."""
    completion_init()
    try:
        result = make_app().main(prog_name="chronos", standalone_mode=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return int(result or 0)
