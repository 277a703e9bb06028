"""Help, and what is wrong with a command line, by Typer."""

import inspect
from collections.abc import Iterator, MutableMapping, Sequence
from functools import wraps
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

from chronos_cli import __version__
from chronos_cli.cli.arguments import Argument, Command, Parameter, parameters_of
from chronos_cli.cli.commands import GROUPS, NAMES, SUMMARIES, call, command_of
from chronos_cli.cli.manual import epilog_of, text_of

_HELP = {"help_option_names": ["-h", "--help"]}
_LOOK: dict[str, Any] = {"rich_markup_mode": None, "context_settings": _HELP}
_MORE = "'chronos help COMMAND' shows the options, exit codes, variables and examples of a command."


class _Lazy(MutableMapping[str, Any]):
    """Commands by name, imported when they are looked up; `group` is the word before theirs."""

    def __init__(self, group: str = "") -> None:
        self._group = group
        names = [name.removeprefix(f"{group} ") for name in NAMES if name.startswith(group)]
        self._names = list(dict.fromkeys(name.partition(" ")[0] for name in names))
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._command(name)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _command(self, name: str) -> Any:
        if not self._group and name in GROUPS:
            return _Commands(
                name=name, group=name, help=GROUPS[name], no_args_is_help=True, **_LOOK
            )
        app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=dict(_HELP))
        whole = f"{self._group} {name}".strip()
        command = command_of(whole)
        called = _with_typer(whole, command)
        app.command(name, help=text_of(command), epilog=epilog_of(command))(called)
        return typer.main.get_command(app)


class _Commands(TyperGroup):
    """All commands, or those of a group."""

    def __init__(self, *, group: str = "", **settings: Any) -> None:
        super().__init__(**{**settings, "commands": None})
        self._before = f"{group} " if group else ""
        self.commands = _Lazy(group)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command; tell of one who names a file alone."""
        if args[0] not in self.commands and args[0].endswith((".yaml", ".yml")):
            ctx.fail(f"'{args[0]}' is no command. Write: chronos run {args[0]}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's own
        """Write what each does in whole sentences, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name.removeprefix(self._before), words)
                    for name, words in SUMMARIES.items()
                    if name.startswith(self._before)
                ]
            )


def _with_typer(name: str, command: Command) -> Any:
    """Return a command as Typer takes it, with the same parameters."""

    @wraps(command)
    def called(**values: Any) -> None:
        raise typer.Exit(call(name, values))

    signature = inspect.signature(command)
    parameters = [
        signature.parameters[parameter.name].replace(annotation=_annotation(command, parameter))
        for parameter in parameters_of(command)
    ]
    called.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=None
    )
    return called


def _annotation(command: Command, parameter: Parameter) -> Any:
    declared = parameter.declared
    if isinstance(declared, Argument):
        made = typer.Argument(**declared.settings)
    else:
        made = typer.Option(
            *declared.names, min=declared.min, max=declared.max, **declared.settings
        )
    return Annotated[command.__annotations__[parameter.name].__origin__, made]


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"chronos {__version__}")
        raise typer.Exit


def _chronos(
    version: bool = typer.Option(
        False, "--version", "-V", callback=_show_version, is_eager=True, help="Show the version."
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
        epilog=_MORE,
        context_settings=dict(_HELP),
    )
    app.callback()(_chronos)
    return typer.main.get_command(app)


def run_by_typer(words: Sequence[str]) -> int:
    """Let Typer read a command line; return the exit code.

    `help COMMAND` is `COMMAND --help`, and `version` is `--version`.
    """
    if words[:1] == ["help"]:
        words = [*words[1:3], "--help"]
    elif words[:1] == ["version"]:
        words = ["--version"]
    try:
        result = make_app().main(list(words), prog_name="chronos", standalone_mode=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return int(result or 0)
