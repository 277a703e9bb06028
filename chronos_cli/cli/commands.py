"""The commands of `chronos`; the file of each is imported when it is called."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from chronos_cli.cli.arguments import Command

# What each does, in the words that its own help begins with.
SUMMARIES = {
    "run": "Dispatch each job once, now, and report what came of it.",
    "cron": "Fire jobs on their schedules, in the foreground, until SIGTERM or SIGINT.",
    "status": "Show the loop's jobs: what runs, waits and comes, how it ended last, pauses.",
    "trigger": "Let the loop start a job once, now.",
    "pause": "Pass over the ticks of a job, or of all, until `chronos resume`.",
    "resume": "End the pause of a job, or of all.",
    "next": "Show when jobs fire next, on their own clocks and in UTC.",
    "list": "List the jobs: ID, schedule, protocol, target, tags, file.",
    "validate": "Check job files, chronos.yaml and the files that they name; send nothing.",
    "check": "Find out whether each job would get through, step by step; send no job.",
    "history": "List what `run`, `cron` and `replay` sent and what came of it, newest first.",
    "replay": "Send recorded executions again, each under its own ID and scheduled time.",
    "cluster init": "Make the streams that many hosts share one schedule by, or print how.",
    "cluster status": (
        "Show the hosts of a group, their clocks, what waits, what runs and who holds which lock."
    ),
    "backfill": "Send the ticks of a span that history does not have, in the order of time.",
    "init": "Write a commented job file to start from.",
    "explain": "Say what a key of the job file or of chronos.yaml means.",
    "import crontab": "Write the calls of a crontab as jobs; list every other line and why.",
    "import curl": "Write a command line of curl (or wget) as a job that sends the same.",
    "export crontab": "Write jobs as a crontab; say what cron cannot do of them.",
    "export systemd": "Write jobs as units of systemd; say what it cannot do of them.",
    "export kubernetes": "Write jobs as CronJobs of Kubernetes; say what it cannot do of them.",
    "schema": "Print the JSON Schema (2020-12) of job files, with all installed protocols.",
    "receive": "Listen for jobs over HTTP and gRPC, print what arrives, answer as told.",
    "demo": "Send the sample jobs to far sides on this machine, and show what came of it.",
    "protocols": "List the protocols: target block, protocol, package, and what one lacks.",
    "completion": "Print the completion script of a shell, for its completion folder.",
}
NAMES = tuple(SUMMARIES)
# The first word of a command's name where several share it, and what it is for.
GROUPS = {
    "import": "Write job files from what runs elsewhere.",
    "cluster": "Look after the servers by which many hosts share one schedule.",
    "export": "Write the same jobs for another scheduler.",
}
# Their exit code tells what was sent, changed or judged, and does so when the report of it is lost.
# What all others do is to write to stdout: where that fails, they have failed.
_TOLD_BY_CODE = frozenset(
    "run cron trigger pause resume validate check replay backfill receive demo".split()
)
# Set by a shell that wants words to complete a line with.
COMPLETION_VARIABLE = "_CHRONOS_COMPLETE"


class Invocation:
    """What the guard around all commands must know of the command line.

    `output` is the form of the report that was asked for, if any was. `needs_stdout` is false for
    a command whose exit code tells all that matters.
    """

    is_verbose = False
    output = ""
    needs_stdout = True


def command_of(name: str) -> Command:
    """Import a command."""
    module = name.replace(" ", "_")
    command: Command = import_module(f"chronos_cli.cli.{module}").command
    return command


def split_name(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """Return the command that a command line names, if it does, and the words behind it."""
    length = 2 if words and words[0] in GROUPS else 1
    name = " ".join(words[:length])
    return (name if name in NAMES else None), words[length:]


def call(name: str, values: dict[str, Any]) -> int:
    """Carry a command out; return its exit code.

    Raises RuntimeError when something calls `sys.exit` in it: that would be somebody else's code.
    """
    Invocation.is_verbose = values.get("verbose", False)
    Invocation.output = values.get("output", "")
    # A dry run sends nothing: it is there to be read.
    Invocation.needs_stdout = name not in _TOLD_BY_CODE or values.get("dry_run", False)
    try:
        return command_of(name)(**values)
    except SystemExit as stop:
        raise RuntimeError(f"something called sys.exit({stop.code!r})") from stop
