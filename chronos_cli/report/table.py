"""The table of a run, for a terminal. Only this module and the progress bar know Rich."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.report.outcomes import reason, status_with_code, summary
from chronos_cli.report.text import milliseconds, printable

_STYLES = {
    Status.SUCCEEDED: "green",
    Status.SKIPPED: "yellow",
    Status.REJECTED: "red",
    Status.UNREACHABLE: "red",
    Status.TIMED_OUT: "red",
    Status.INTERRUPTED: "magenta",
}


def outcome_table(outcomes: Sequence[Outcome]) -> RenderableType:
    """Return the outcomes as a table, the reason under each that did not succeed, and a sum."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False, padding=(0, 1))
    table.add_column("Job", overflow="fold")
    table.add_column("Protocol", no_wrap=True)
    table.add_column("Target", overflow="fold", ratio=1)
    table.add_column("Status", overflow="fold")
    table.add_column("Attempts", justify="right", no_wrap=True)
    table.add_column("Duration", justify="right", no_wrap=True)
    for outcome in outcomes:
        style = _STYLES[outcome.status]
        target = Text(printable(outcome.target))
        if told := reason(outcome):
            target.append(f"\n{told}", style=style)
        table.add_row(
            Text(outcome.job_id),
            Text(outcome.protocol),
            target,
            Text(status_with_code(outcome), style=style),
            Text(str(len(outcome.attempts))),
            Text(milliseconds(outcome.duration_ms)),
        )
    return Group(table, Padding(Text(summary(outcomes), style="bold"), (0, 0, 1, 0)))
