"""The entry point: from argv to an exit code, with no traceback for what a user can cause."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit."""
    if sys.argv[1:] == ["--version"]:
        # Asked by scripts and probes all the time: answered before anything else is imported.
        from chronos_cli import __version__

        sys.stdout.write(f"chronos {__version__}\n")
        sys.exit(0)
    try:
        from chronos_cli.cli.guard import guarded
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(guarded())
