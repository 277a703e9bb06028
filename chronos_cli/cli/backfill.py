"""`chronos backfill`: send the ticks of a span that history does not have."""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import (
    TIME_FORMS,
    Concurrency,
    ConfigPath,
    EnvFile,
    FailFast,
    JobIds,
    Jobs,
    OutputFormat,
    Quiet,
    Report,
    StatePath,
    Tags,
    Var,
    VerboseAttempts,
    choice_of,
    parse_optional_moment,
    variables,
)
from chronos_cli.cli.output import Output
from chronos_cli.clock import SystemClock
from chronos_cli.errors import UsageError
from chronos_cli.jobs.scope import Scope

if TYPE_CHECKING:
    from chronos_cli.app.backfill import Missing


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    jobs: Jobs,
    since: Annotated[
        str | None,
        option(metavar="T", help=f"The first time of the span; needed. It takes {TIME_FORMS}."),
    ] = None,
    until: Annotated[
        str | None,
        option(metavar="T", help="Its end, itself left out, written alike. Default: now."),
    ] = None,
    failed: Annotated[
        bool, option("--failed", help="Also what was sent, failed, and never succeeded.")
    ] = False,
    limit: Annotated[
        int, option(min=1, max=10_000_000, metavar="N", help="The most ticks of the span.")
    ] = 10_000,
    job: JobIds = None,
    tag: Tags = None,
    var: Var = None,
    dry_run: Annotated[
        bool, option("--dry-run", help="List the ticks that would be sent; send nothing.")
    ] = False,
    concurrency: Concurrency = 16,
    fail_fast: FailFast = False,
    output: Report = OutputFormat.TABLE,
    quiet: Quiet = False,
    state: StatePath = None,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: VerboseAttempts = False,
) -> ExitCode:
    """Send the ticks of a span that history does not have, in the order of time.

    Each goes under the ID and the scheduled time that `cron` would have given it, so that it can
    be repeated: what was recorded is not sent again.

    Exit codes: those of `run`.

    Examples:
      chronos backfill jobs/ --since yesterday --dry-run
      chronos backfill jobs/ --job report --since 2027-01-04 --until 2027-01-08
      chronos backfill jobs/ --since 1d --failed --concurrency 1
    """
    # What is to be sent is imported for those who send.
    from chronos_cli.app.backfill import Span, find_missing
    from chronos_cli.cli.execute import RunOptions, carry_out
    from chronos_cli.cli.loading import load_workspace
    from chronos_cli.cli.recording import recording, stored

    span = Span(*_bounds(since, until), limit, failed)
    given = variables(var)
    scope = Scope(choice=choice_of(job, tag))
    workspace = load_workspace(jobs, config, env_file, scope, quiet=quiet)
    fired = [one for one in workspace.jobs if one.spec.schedule is not None and one.spec.enabled]
    if not fired:
        raise UsageError("none of these jobs has a schedule and is enabled")
    workspace.require_clients(fired)
    with stored(state) as store:
        found = find_missing(fired, span, store, given, os.environ)
    _warn_of_what_is_forgotten(span.since)
    if not found.missing:
        Output().note(_nothing(found.ticks))
    if dry_run:
        return _show(found.missing, output)
    if not found.missing and output in {OutputFormat.TABLE, OutputFormat.GITHUB}:
        return ExitCode.SUCCESS
    journal = recording(state, no_state=False, origin="backfill", config=config)
    options = RunOptions(
        output=output,
        quiet=quiet,
        concurrency=concurrency,
        fail_fast=fail_fast,
        makes_up=True,
        verbose=verbose,
    )
    return carry_out(workspace, [one.execution for one in found.missing], options, journal)


def _nothing(ticks: int) -> str:
    if not ticks:
        return "nothing to send: no job has a tick in the span (`chronos next --after` shows them)"
    which = f"all {ticks:,} ticks" if ticks > 1 else "the one tick"
    return f"nothing to send: {which} of the span {'are' if ticks > 1 else 'is'} recorded"


def _bounds(since: str | None, until: str | None) -> tuple[datetime, datetime]:
    first = parse_optional_moment("--since", since)
    last = parse_optional_moment("--until", until)
    now = SystemClock().now()  # not before '--until now' was read
    last = last or now
    if first is None:
        raise UsageError("say from when on: --since 2026-11-23T00:00:00+01:00, or --since 1d")
    if last > now:
        raise UsageError("--until is in the future: what is yet to come is not missing")
    if first >= last:
        raise UsageError("--since is not before --until")
    return first, last


def _warn_of_what_is_forgotten(since: datetime) -> None:
    from chronos_cli.state.store import KEPT_FOR

    kept_since = SystemClock().now() - KEPT_FOR
    if since < kept_since:
        Output().note(
            f"chronos: warning: history keeps {KEPT_FOR.days} days; ticks before "
            f"{kept_since:%Y-%m-%d} may have been sent, under the same IDs"
        )


def _show(missing: Sequence["Missing"], output: OutputFormat) -> ExitCode:
    from chronos_cli.report.missing import MissingTick, missing_document, missing_lines

    listed = [
        MissingTick(
            one.execution.job.id,
            one.execution.id,
            one.execution.scheduled_time.isoformat(),
            one.reason,
        )
        for one in missing
    ]
    if output in {OutputFormat.JSON, OutputFormat.JSONL}:
        Output().json(missing_document(listed))
    elif listed:
        Output().result(missing_lines(listed))
    return ExitCode.SUCCESS
