"""`chronos history`: what ran, attempt by attempt."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from msgspec import structs

from chronos_cli.cli.arguments import argument, option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.group import ask_group, read_cluster
from chronos_cli.cli.options import (
    TIME_FORMS,
    ClusterHistoryUrl,
    ConfigPath,
    JobIds,
    StatePath,
    Verbose,
    job_ids,
    parse_optional_moment,
    text_of,
)
from chronos_cli.cli.output import Output
from chronos_cli.cli.paused import note_pauses
from chronos_cli.cli.recording import state_path, stored
from chronos_cli.cli.streams import streams
from chronos_cli.errors import UsageError
from chronos_cli.report.history import execution_lines, history_document, history_lines
from chronos_cli.report.stats import stats_document, stats_lines
from chronos_cli.report.text import count
from chronos_cli.state.entries import (
    HistoryEntry,
    HistoryFilter,
    HistoryStatus,
    JobStats,
    Pause,
)
from chronos_cli.units import parse_duration

# Entries that are listed unless more are asked for.
_LIMIT = 50
_NOTHING = "nothing recorded that fits"


class HistoryFormat(StrEnum):
    """How a history is written."""

    TABLE = "table"
    JSON = "json"


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    execution_id: Annotated[
        str | None,
        argument(
            words="executions",
            metavar="[ID]",
            help="One execution, or its beginning: all attempts.",
        ),
    ] = None,
    job: JobIds = None,
    status: Annotated[
        list[HistoryStatus] | None,
        option(
            "--status",
            metavar="STATUS",
            help=f"Only this status: {', '.join(HistoryStatus)}. Repeatable.",
        ),
    ] = None,
    since: Annotated[
        str | None, option(metavar="T", help=f"Started at or after: {TIME_FORMS}.")
    ] = None,
    until: Annotated[str | None, option(metavar="T", help=f"Started before: {TIME_FORMS}.")] = None,
    limit: Annotated[
        int | None,
        option(min=1, metavar="N", help="The newest N only. Default: 50.", show_default=False),
    ] = None,
    stats: Annotated[
        bool,
        option("--stats", help="Figures of each job: success, duration, streak; by --since."),
    ] = False,
    prune: Annotated[
        bool, option("--prune", help="Forget, by --older-than and --keep; list nothing.")
    ] = False,
    older_than: Annotated[
        str | None, option(metavar="TIME", help="With --prune: of longer ago, such as 30d.")
    ] = None,
    keep: Annotated[
        int | None, option(min=0, metavar="N", help="With --prune: all but the newest N.")
    ] = None,
    output: Annotated[
        HistoryFormat, option("--output", "-o", help="How the history is written.")
    ] = HistoryFormat.TABLE,
    state: StatePath = None,
    cluster: ClusterHistoryUrl = None,
    config: ConfigPath = None,
    verbose: Verbose = False,
) -> ExitCode:
    """List what `run`, `cron` and `replay` sent and what came of it, newest first.

    Exit codes: 0 listed, 2 usage, 3 the state is unusable.

    Examples:
      chronos history --since today
      chronos history --job daily-report --status timed_out
      chronos history 7f1c9a52-1d0b-5e0f-9a53-6d3c1f0a8e11
      chronos history --stats --since 30d
      chronos history --prune --older-than 30d
      chronos history --cluster nats://a,nats://b,nats://c
    """
    if cluster is not None and (state is not None or stats or prune):
        raise UsageError("--cluster goes without --state, --stats and --prune")
    if config is not None and cluster is None:
        raise UsageError("--config goes with --cluster")
    if stats and (prune or execution_id is not None or status or limit is not None):
        raise UsageError("--stats goes with --job, --since and --until")
    if prune:
        _prune(state, older_than, keep)
        return ExitCode.SUCCESS
    if older_than is not None or keep is not None:
        raise UsageError("--older-than and --keep go with --prune")
    wanted = HistoryFilter(
        jobs=job_ids(job),
        statuses=frozenset(status or []),
        since=parse_optional_moment("--since", since),
        until=parse_optional_moment("--until", until),
        limit=limit or _LIMIT,
    )
    if cluster is not None:
        given = text_of("ID", execution_id) if execution_id is not None else None
        _report_cluster(cluster, config, wanted, given, output)
        return ExitCode.SUCCESS
    with stored(state) as store:
        if stats:
            _report_stats(store.stats(wanted) if store else [], output)
            return ExitCode.SUCCESS
        if execution_id is not None:
            from chronos_cli.app.identity import full_id

            identity = full_id(text_of("ID", execution_id), store, state_path(state))
            wanted = structs.replace(wanted, execution_id=identity)
        entries = store.history(wanted) if store else []
        pauses = store.pauses() if store and execution_id is None else {}
    _report(entries, output, one=execution_id is not None)
    if output is HistoryFormat.TABLE:
        # Why there may be no newer entries: what a pause passes over is not recorded.
        note_pauses(pauses, wanted.jobs or pauses)
    return ExitCode.SUCCESS


def _report_cluster(
    url: str, config: str | None, wanted: HistoryFilter, given: str | None, output: HistoryFormat
) -> None:
    _report(_of_cluster(url, config, wanted, given), output, one=given is not None)
    if output is HistoryFormat.TABLE and given is None:
        pauses = _pauses_of_cluster(url, config)
        note_pauses(pauses, wanted.jobs or pauses)


def _of_cluster(
    url: str, config: str | None, wanted: HistoryFilter, given: str | None
) -> list[HistoryEntry]:
    """Return the entries of all hosts; of one execution where its ID is given."""
    if given is None:
        return read_cluster(url, config, None, wanted).history(wanted)
    from chronos_cli.app.identity import full_id

    found = read_cluster(url, config, None, HistoryFilter())
    identity = full_id(given, found, Path("the cluster"))
    return found.history(structs.replace(wanted, execution_id=identity))


def _pauses_of_cluster(url: str, config: str | None) -> dict[str, Pause]:
    """Return the pauses in force; none to a user who may read the history alone."""
    from chronos_cli.cluster.link import NoRightError
    from chronos_cli.cluster.pauses import pauses_in_force

    try:
        return ask_group(url, config, None, lambda api, plan: pauses_in_force(api, plan.names))
    except NoRightError:
        return {}


def _report(entries: list[HistoryEntry], output: HistoryFormat, *, one: bool) -> None:
    if output is HistoryFormat.JSON:
        Output().json(history_document(entries))
    elif not entries:
        Output().note(_NOTHING)
    elif one:
        Output().result(execution_lines(entries))
    elif streams.stdout.isatty():
        from chronos_cli.report.history_table import history_table  # imports Rich

        Output().table(lambda width: history_table(entries, width))
    else:
        out = Output()
        out.painted(history_lines(entries, out.paint(streams.stdout)))


def _report_stats(found: list[JobStats], output: HistoryFormat) -> None:
    if output is HistoryFormat.JSON:
        Output().json(stats_document(found))
    elif not found:
        Output().note(_NOTHING)
    elif streams.stdout.isatty():
        from chronos_cli.report.history_table import stats_table  # imports Rich

        Output().table(lambda width: stats_table(found, width))
    else:
        Output().result(stats_lines(found))


def _prune(state: str | None, older_than: str | None, keep: int | None) -> None:
    if older_than is None and keep is None:
        raise UsageError("--prune takes --older-than TIME, --keep N or both")
    before = None
    if older_than is not None:
        try:
            before = datetime.now(UTC) - timedelta(seconds=parse_duration(older_than))
        except ValueError as error:
            raise UsageError(f"--older-than: {error}") from error
    with stored(state) as store:
        gone = store.prune(before, keep) if store else 0
    Output().note(f"{count(gone, 'entry', 'entries')} forgotten")
