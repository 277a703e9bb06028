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
from chronos_cli.redact import Redactor
from chronos_cli.state.entries import (
    HistoryEntry,
    HistoryFilter,
    HistoryStatus,
    RecordedExecutions,
)

# A job as the state knows it: environments may each have a file with the same ID.
_Origin = tuple[str, str | None]


class Choice(Struct, frozen=True):
    """What the command line says of the executions to send again; `paths` are those of `--jobs`."""

    ids: list[str]
    failed: bool
    wanted: HistoryFilter
    force: bool
    paths: list[str]


def chosen_entries(
    choice: Choice, store: RecordedExecutions | None, where: Path
) -> list[HistoryEntry]:
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
    for (job_id, _), own in _by_origin(runs).items():
        statuses = {run.status for run in own}
        wanted = not choice.wanted.jobs or job_id in choice.wanted.jobs
        over = HistoryStatus.RUNNING not in statuses
        delivered = HistoryStatus.SUCCEEDED in statuses and not choice.force
        if wanted and over and not delivered and any(status.is_failure for status in statuses):
            by_job.setdefault(job_id, []).extend(own)
    for own in by_job.values():
        yield _of_one_file(own, choice)[0]


def _by_origin(runs: Sequence[HistoryEntry]) -> dict[_Origin, list[HistoryEntry]]:
    """Return runs by their job: its ID, and the file that it stood in at first."""
    found: dict[_Origin, list[HistoryEntry]] = {}
    firsts = [run for run in runs if run.origin != "replay"]
    for run in runs:
        first = _first_of(run, firsts)
        found.setdefault((first.job_id, first.snapshot.file), []).append(run)
    return found


def _first_of(run: HistoryEntry, firsts: Sequence[HistoryEntry]) -> HistoryEntry:
    """Return the run that another one repeats: a replay may come from a file that has moved."""

    def likeness(first: HistoryEntry) -> tuple[bool, bool]:
        then, now = first.snapshot, run.snapshot
        return then.file == now.file, then.target == now.target

    return max((one for one in firsts if one.job_id == run.job_id), key=likeness, default=run)


def _named(
    identity: str, runs: Sequence[HistoryEntry], choice: Choice, where: Path
) -> HistoryEntry:
    own = [run for run in runs if not choice.wanted.jobs or run.job_id in choice.wanted.jobs]
    if not own:
        raise UsageError(f"no execution '{identity}' in {where}")
    jobs = sorted({run.job_id for run in own})
    if len(jobs) > 1:
        raise UsageError(f"'{identity}' is of several jobs ({', '.join(jobs)}): add --job")
    own = _of_one_file(own, choice)
    for run in own:
        if run.status is HistoryStatus.RUNNING:
            raise UsageError(f"'{identity}' is still running (pid {run.pid} on {run.host})")
        if run.status is HistoryStatus.SUCCEEDED and not choice.force:
            raise UsageError(f"'{identity}' has succeeded; --force sends it once more")
    return own[0]


def _of_one_file(runs: list[HistoryEntry], choice: Choice) -> list[HistoryEntry]:
    """Return the runs of the one file that is meant, by `--jobs` where there are several."""
    by_origin = _by_origin(runs)
    if len(by_origin) > 1 and choice.paths:
        by_origin = {
            origin: own
            for origin, own in by_origin.items()
            if origin[1] is not None and _is_below(origin[1], choice.paths)
        }
    if len(by_origin) == 1:
        return next(iter(by_origin.values()))
    named = ", ".join(sorted({run.snapshot.file or "standard input" for run in runs}))
    raise UsageError(
        f"'{runs[0].execution_id}' ran from several files ({named}): name one with --jobs PATH"
    )


def _is_below(file: str, paths: Iterable[str]) -> bool:
    """Whether a file is one of these, or in one of these folders."""
    tops = [Path(path).absolute() for path in paths]
    return any(top == Path(file) or top in Path(file).parents for top in tops)


def files_of(chosen: Sequence[HistoryEntry]) -> list[str]:
    """Return the files that the executions were sent from; UsageError where one is gone."""
    files: dict[str, None] = {}
    for entry in chosen:
        file = entry.snapshot.file
        if file is None or not Path(file).exists():
            raise UsageError(
                f"the job file of '{entry.execution_id}' ({entry.job_id}) {_lost(file)}; "
                "say where it is now with --jobs PATH"
            )
        files[file] = None
    return list(files)


def _lost(file: str | None) -> str:
    if file is None:
        return "is not known: it was standard input, or had a name that is not kept"
    return f"is not there: looked for at {file}"


def config_of(chosen: Sequence[HistoryEntry]) -> str | None:
    """Return the chronos.yaml that the executions were sent with."""
    configs = {entry.snapshot.config for entry in chosen}
    if len(configs) > 1:
        named = ", ".join(sorted(config or "none" for config in configs))
        raise UsageError(f"these ran with several chronos.yaml ({named}); choose with --config")
    return configs.pop()


class Replay(Struct, frozen=True):
    """What executions are sent again with.

    `jobs` may have an ID once in each file. `given` are variables, `redactor` masks as the
    state is masked. With `any_target` a job may send elsewhere than it did.
    """

    jobs: Sequence[Job]
    given: Mapping[str, str]
    environment: Mapping[str, str]
    redactor: Redactor
    any_target: bool

    def executions(self, chosen: Sequence[HistoryEntry]) -> list[Execution]:
        """Return the executions, with the variables that they had and those given.

        Raises UsageError for a job that is not there or that sends elsewhere now, and for a
        secret that has to be given again.
        """
        trace = Trace.from_environment(self.environment)
        return [self._execution(entry, trace) for entry in chosen]

    def _execution(self, entry: HistoryEntry, trace: Trace) -> Execution:
        job = self._job(entry)
        if not self.any_target:
            self._require_same_target(entry, job)
        missing = [name for name in entry.snapshot.withheld if name not in self.given]
        if missing:
            raise UsageError(
                f"'{entry.execution_id}' had secret variables, which are not stored; "
                f"give them again: {' '.join(f'--var {name}=…' for name in missing)}"
            )
        moment = in_zone(job, datetime.fromisoformat(entry.scheduled_time))
        values = {**entry.snapshot.variables, **self.given}
        return Execution(entry.execution_id, job, moment, values, trace)

    def _job(self, entry: HistoryEntry) -> Job:
        """Return the job of an entry: from its own file, else the one that has its ID."""
        named = [job for job in self.jobs if job.id == entry.job_id]
        if not named:
            raise UsageError(f"no job '{entry.job_id}' in these files; name them with --jobs PATH")
        own = [job for job in named if _file_of(job) == entry.snapshot.file]
        found = own or named
        if len(found) > 1:
            files = ", ".join(job.position.file for job in found)
            raise UsageError(
                f"job '{entry.job_id}' is in several of these files ({files}), and "
                f"'{entry.execution_id}' ran from none of them; name one with --jobs PATH"
            )
        return found[0]

    def _require_same_target(self, entry: HistoryEntry, job: Job) -> None:
        now, then = self.redactor.text(job.target.describe()), entry.snapshot.target
        if then and (job.protocol, now) != (entry.snapshot.protocol, then):
            raise UsageError(
                f"'{entry.execution_id}' ({entry.job_id}) was for {then}, and the job in "
                f"{job.position.file} sends to {now}; name the file that it ran from with --jobs "
                "PATH, or add --allow-other-target"
            )


def _file_of(job: Job) -> str:
    return str(Path(job.position.file).absolute())
