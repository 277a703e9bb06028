"""The table of a run, for a terminal. It imports Rich."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.report.outcomes import notice_words, reason, status_with_code, summary
from chronos_cli.report.text import milliseconds, printable

STYLES = {
    Status.SUCCEEDED: "green",
    Status.SKIPPED: "yellow",
    Status.REJECTED: "red",
    Status.UNREACHABLE: "red",
    Status.TIMED_OUT: "red",
    Status.INTERRUPTED: "magenta",
}


# Below this width a target has no room beside the other columns and goes under the job.
_WIDE = 110


def outcome_table(outcomes: Sequence[Outcome], width: int) -> RenderableType:
    """Return the outcomes as a table for a terminal of `width` columns, and their sum.

    The reason stands under each that has one.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False, padding=(0, 1))
    add_row = _wide_row if width >= _WIDE else _narrow_row
    table.add_column("Job", overflow="fold")
    if width >= _WIDE:
        table.add_column("Protocol", no_wrap=True)
        table.add_column("Target", overflow="fold")
    table.add_column("Status", no_wrap=True)
    table.add_column("Attempts", justify="right", no_wrap=True)
    table.add_column("Duration", justify="right", no_wrap=True)
    for outcome in outcomes:
        add_row(table, outcome)
    return Group(table, Padding(Text(summary(outcomes), style="bold"), (0, 0, 1, 0)))


def _wide_row(table: Table, outcome: Outcome) -> None:
    target = Text(printable(outcome.target)).append_text(_reason(outcome))
    names = Text(printable(outcome.job_id)), Text(printable(outcome.protocol))
    table.add_row(*names, target, *_figures(outcome))


def _narrow_row(table: Table, outcome: Outcome) -> None:
    job = Text(printable(outcome.job_id))
    job.append("\n" + printable(f"{outcome.protocol} {outcome.target}"), style="dim")
    table.add_row(job.append_text(_reason(outcome)), *_figures(outcome))


def _reason(outcome: Outcome) -> Text:
    message = reason(outcome)
    text = Text(f"\n{message}" if message else "", style=STYLES[outcome.status])
    for notice in outcome.notices:
        text.append(f"\n{notice_words(notice)}", style=STYLES[notice.status])
    return text


def _figures(outcome: Outcome) -> tuple[Text, Text, Text]:
    return (
        Text(status_with_code(outcome), style=STYLES[outcome.status]),
        Text(str(len(outcome.attempts))),
        Text(milliseconds(outcome.duration_ms)),
    )
