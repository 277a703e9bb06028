"""Turns whatever ends a command into an exit code and a message: the one place that does."""

import sys
import traceback

from chronos_cli.cli import options
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.output import Output
from chronos_cli.errors import InvalidInputError, StateError, UsageError


def guarded() -> int:
    """Run the command named in argv; return its exit code."""
    output = Output()
    try:
        from chronos_cli.cli.commands import run_command  # may be interrupted

        return run_command()
    except (UsageError, StateError) as error:
        output.note(f"chronos: {error}")
        return ExitCode.USAGE
    except InvalidInputError as error:
        output.problems(error.problems)
        return ExitCode.INVALID_INPUT
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a bug of ours: told in one line
        if options.state.verbose:
            output.note(traceback.format_exc().rstrip())
        else:
            told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            output.note(f"chronos: internal error: {told} (add --verbose for the traceback)")
        return ExitCode.BUG
    finally:
        sys.stdout.flush()
