"""`chronos demo`: the sample jobs, sent to far sides on this machine by the ordinary path."""

from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import Verbose


def command(verbose: Verbose = False) -> ExitCode:
    """Send the sample jobs to far sides on this machine, and show what came of it.

    Exit codes: those of `run`.

    Examples:
      chronos demo
    """
    from chronos_cli.cli.demonstration import demonstrate  # all receivers

    return demonstrate()
