"""The entry point: from argv to an exit code, with no traceback for what a user can cause."""

# Nothing else here: `--version` would pay for it.
import sys


def main() -> None:
    """Run the command line and exit the process."""
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
