"""Turns whatever ends a command into an exit code and a message: the one place that does."""

import os
import sys

from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.output import Output
from chronos_cli.cli.streams import streams
from chronos_cli.errors import InvalidInputError, StateError, UsageError


def guarded() -> int:
    """Run the command named in argv; return its exit code."""
    output = Output()
    try:
        return _unless_lost(_run_command(sys.argv[1:]))
    except UsageError as error:
        output.note(f"chronos: {error}")
        return ExitCode.USAGE
    except StateError as error:
        output.note(f"chronos: {error}")
        return ExitCode.INVALID_INPUT
    except InvalidInputError as error:
        output.problems(error.problems)
        if error.note:
            output.note(f"chronos: {error.note}")
        return ExitCode.INVALID_INPUT
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a bug of ours: said in one line
        _report_bug(error, output)
        return ExitCode.BUG
    finally:
        streams.report_losses()


def _run_command(words: list[str]) -> int:
    from chronos_cli.cli.arguments import values_of
    from chronos_cli.cli.commands import COMPLETION_VARIABLE, call, command_of, split_name

    if shell := os.environ.get(COMPLETION_VARIABLE):
        from chronos_cli.cli.completing import answer

        return answer(shell, words)
    name, rest = split_name(words)
    if name is not None:
        command = command_of(name)
        values = values_of(command, rest)
        if values is not None:
            return call(name, values)
    from chronos_cli.cli.usage import run_by_typer  # only for help and mistakes

    return run_by_typer(words)


def _unless_lost(code: int) -> int:
    """Return the exit code of a command that may have lost what it was there to write."""
    from chronos_cli.cli.commands import Invocation

    is_lost = streams.stdout.loss is not None and Invocation.needs_stdout
    return ExitCode.USAGE if is_lost and code == ExitCode.SUCCESS else code


def _report_bug(error: Exception, output: Output) -> None:
    from chronos_cli.cli.commands import Invocation

    if Invocation.is_verbose:
        import traceback

        output.note("".join(traceback.format_exception(error)).rstrip())
    else:
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        output.note(f"chronos: internal error: {message} (add --verbose for the traceback)")
