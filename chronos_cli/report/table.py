"""The table of a run, for a terminal. It imports Rich."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from chronos_cli.dispatch.outcome import Outcome
from chronos_cli.report.grid import Grid, GridRow
from chronos_cli.report.outcomes import STYLES, notice_words, reason, status_with_code, summary
from chronos_cli.report.text import milliseconds, printable

# Below this width a target has no room beside the other columns and goes under the row.
_WIDE = 110


def outcome_table(outcomes: Sequence[Outcome], width: int) -> RenderableType:
    """Return the outcomes as a table for a terminal of `width` columns, and their sum.

    The reason stands under each that has one.
    """
    figures = ("Status", "Attempts", "Duration")
    if width >= _WIDE:
        rows = [_wide_row(outcome) for outcome in outcomes]
        grid = Grid(("Job", "Protocol", "Target", *figures), rows, right=(4, 5), folds=2, most=60)
    else:
        grid = Grid(("Job", *figures), [_narrow_row(one) for one in outcomes], right=(2, 3))
    return Group(grid, Text(summary(outcomes), style="bold"), Text())


def _wide_row(outcome: Outcome) -> GridRow:
    names = [printable(text) for text in (outcome.job_id, outcome.protocol, outcome.target)]
    return GridRow([*map(Text, names), *_figures(outcome)], _reason(outcome))


def _narrow_row(outcome: Outcome) -> GridRow:
    target = Text(printable(f"{outcome.protocol} {outcome.target}"), style="dim")
    cells = [Text(printable(outcome.job_id)), *_figures(outcome)]
    return GridRow(cells, [target, *_reason(outcome)])


def _reason(outcome: Outcome) -> list[Text]:
    message = reason(outcome)
    lines = [Text(message, style=STYLES[outcome.status])] if message else []
    told = (Text(notice_words(one), style=STYLES[one.status]) for one in outcome.notices)
    return [*lines, *told]


def _figures(outcome: Outcome) -> tuple[Text, Text, Text]:
    return (
        Text(status_with_code(outcome), style=STYLES[outcome.status]),
        Text(str(len(outcome.attempts))),
        Text(milliseconds(outcome.duration_ms)),
    )
