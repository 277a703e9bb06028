"""Which recorded executions are sent again, and what they are made of."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from chronos_cli.app.identity import full_id
from chronos_cli.dispatch.execution import Execution, in_zone
from chronos_cli.dispatch.trace import Trace
from chronos_cli.errors import UsageError
from chronos_cli.jobs.model import Job
from chronos_cli.state.entries import HistoryEntry, HistoryFilter, HistoryStatus
from chronos_cli.state.store import Store


class Choice(Struct, frozen=True):
    """What the command line says of the executions to send again."""

    ids: list[str]
    failed: bool
    wanted: HistoryFilter
    force: bool


def chosen_entries(choice: Choice, store: Store | None, where: Path) -> list[HistoryEntry]:
    """Return the last run of each execution that is to be sent again, oldest first.

    `where` is the state file, for messages. Raises UsageError for a choice that cannot be made.
    """
    if bool(choice.ids) == choice.failed:
        raise UsageError("name the executions to replay, or say --failed --since 1d")
    if choice.failed and choice.wanted.since is None:
        raise UsageError("--failed needs --since, such as --since 1d")
    if choice.ids and (choice.wanted.since or choice.wanted.until):
        raise UsageError("--since and --until go with --failed")
    if choice.failed:
        found = store.history(choice.wanted) if store else []
        ids = list(dict.fromkeys(entry.execution_id for entry in reversed(found)))
    else:
        ids = list(dict.fromkeys(full_id(one, store, where) for one in choice.ids))
    runs = [store.find(identity) if store else [] for identity in ids]
    if choice.failed:
        return [last for one in runs for last in _failed(one, choice)]
    return [_named(identity, one, choice, where) for identity, one in zip(ids, runs, strict=True)]


def _failed(runs: Sequence[HistoryEntry], choice: Choice) -> Iterable[HistoryEntry]:
    """Yield, for each job with this execution ID, its last run if none has got through."""
    by_job: dict[str, list[HistoryEntry]] = {}
    for run in runs:
        by_job.setdefault(run.job_id, []).append(run)
    for job_id, own in by_job.items():
        statuses = {run.status for run in own}
        wanted = not choice.wanted.jobs or job_id in choice.wanted.jobs
        over = HistoryStatus.RUNNING not in statuses
        delivered = HistoryStatus.SUCCEEDED in statuses and not choice.force
        if wanted and over and not delivered and any(status.is_failure for status in statuses):
            yield own[0]


def _named(
    identity: str, runs: Sequence[HistoryEntry], choice: Choice, where: Path
) -> HistoryEntry:
    own = [run for run in runs if not choice.wanted.jobs or run.job_id in choice.wanted.jobs]
    if not own:
        raise UsageError(f"no execution '{identity}' in {where}")
    jobs = sorted({run.job_id for run in own})
    if len(jobs) > 1:
        raise UsageError(f"'{identity}' is of several jobs ({', '.join(jobs)}): add --job")
    for run in own:
        if run.status is HistoryStatus.RUNNING:
            raise UsageError(f"'{identity}' is still running (pid {run.pid} on {run.host})")
        if run.status is HistoryStatus.SUCCEEDED and not choice.force:
            raise UsageError(f"'{identity}' has succeeded; --force sends it once more")
    return own[0]


def files_of(chosen: Sequence[HistoryEntry]) -> list[str]:
    """Return the files that the executions were sent from."""
    files: dict[str, None] = {}
    for entry in chosen:
        file = entry.snapshot.file
        if file is None or not Path(file).exists():
            lost = "it is not known" if file is None else f"there is no {file} any more"
            raise UsageError(
                f"the job file of '{entry.execution_id}' ({entry.job_id}): {lost}; "
                "name it with --jobs PATH"
            )
        files[file] = None
    return list(files)


def config_of(chosen: Sequence[HistoryEntry]) -> str | None:
    """Return the chronos.yaml that the executions were sent with."""
    configs = {entry.snapshot.config for entry in chosen}
    if len(configs) > 1:
        named = ", ".join(sorted(config or "none" for config in configs))
        raise UsageError(f"these ran with several chronos.yaml ({named}); choose with --config")
    return configs.pop()


def executions_of(
    chosen: Sequence[HistoryEntry],
    jobs: Iterable[Job],
    given: Mapping[str, str],
    environment: Mapping[str, str],
) -> list[Execution]:
    """Return the executions to send again, with the variables that they had and those given.

    Raises UsageError for a job that is not there, and for a secret that has to be given again.
    """
    by_id = {job.id: job for job in jobs}
    trace = Trace.from_environment(environment)
    executions = []
    for entry in chosen:
        job = by_id.get(entry.job_id)
        if job is None:
            raise UsageError(f"no job '{entry.job_id}' in these files; name them with --jobs PATH")
        missing = [name for name in entry.snapshot.withheld if name not in given]
        if missing:
            raise UsageError(
                f"'{entry.execution_id}' had secret variables, which are not stored; "
                f"give them again: {' '.join(f'--var {name}=…' for name in missing)}"
            )
        moment = in_zone(job, datetime.fromisoformat(entry.scheduled_time))
        values = {**entry.snapshot.variables, **given}
        executions.append(Execution(entry.execution_id, job, moment, values, trace))
    return executions
