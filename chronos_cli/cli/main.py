"""The entry point: from argv to an exit code, with no traceback for what a user can cause."""

# Nothing else here: `--version` would pay for it. The module beneath `signal` is there already.
import _signal  # type: ignore[import-not-found]
import sys

from chronos_cli.cli.streams import streams


def main() -> None:
    """Run the command line and exit the process."""
    # A KeyboardInterrupt amid an import ends in a traceback; nothing has been sent so far. What
    # has to clean up takes the signal over.
    _signal.signal(_signal.SIGINT, _leave)
    if sys.argv[1:2] == ["cron"]:
        # It asks for a reload, and nothing is loaded yet.
        _signal.signal(_signal.SIGHUP, _signal.SIG_IGN)
    streams.install()
    if sys.argv[1:] in (["--version"], ["-V"], ["version"]):
        # Asked by scripts and probes all the time: answered before anything else is imported.
        from chronos_cli import __version__

        streams.stdout.write(f"chronos {__version__}\n")
        streams.report_losses()
        sys.exit(0 if streams.stdout.loss is None else 2)
    import gc

    from chronos_cli.set_aside import import_without

    # What is loaded, and what is sent, is many small objects without circles: at the default of
    # 700 new ones the collector takes a fifth of the time of many jobs, and finds nothing.
    gc.set_threshold(50_000)

    # msgspec takes it, if it is there, for what Python has itself by now.
    import_without("msgspec", "typing_extensions")
    from chronos_cli.cli.guard import guarded

    code = guarded()
    _signal.signal(_signal.SIGINT, _leave)  # an event loop gives it back as Python has it
    sys.exit(code)


def _leave(*_: object) -> None:
    streams.leave(130)
