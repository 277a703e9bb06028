"""The loop as a service: its files, its state, reloads, the service manager."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from chronos_cli.app.control.address import control_path, listening
from chronos_cli.app.control.answers import Answers
from chronos_cli.app.control.server import ControlServer
from chronos_cli.app.variables import require_variables
from chronos_cli.app.workspace import WorkspaceReader
from chronos_cli.cron.admission import TickJournal
from chronos_cli.cron.clock import LoopClock, SystemLoopClock
from chronos_cli.cron.events import EventKind, Events, LoopEvent
from chronos_cli.cron.heartbeat import HeartbeatSender
from chronos_cli.cron.jobset import JobSet
from chronos_cli.cron.journal import loop_journal
from chronos_cli.cron.loop import Loop
from chronos_cli.cron.reload import Reloader, watch_files
from chronos_cli.cron.systemd import ServiceManager
from chronos_cli.cron.watch import Watch
from chronos_cli.dispatch.trace import collects_traces
from chronos_cli.errors import InvalidInputError, UsageError
from chronos_cli.jobs.config import Cluster, find_config
from chronos_cli.jobs.files import find_files
from chronos_cli.jobs.scope import Choice, Scope
from chronos_cli.problems import Position, Problem
from chronos_cli.redact import Redactor
from chronos_cli.report.problems import aside_messages
from chronos_cli.state.log import keep_log_short
from chronos_cli.state.store import Store

if TYPE_CHECKING:
    from chronos_cli.cluster.host import ClusterHost
    from chronos_cli.dispatch.telemetry import Telemetry
    from chronos_cli.monitor.access import Listen
    from chronos_cli.monitor.site import Monitor, OutcomesMaker

# How long the loop waits for another process that holds the state, in seconds: ticks wait too.
_PATIENCE = 0.2


class ServiceOptions(Struct, frozen=True, kw_only=True):
    """What a service runs, and how; `grace` is in seconds.

    `variables` are what templates see as `vars`. `listen` is where it answers over HTTP, if it
    does. With `cluster`, the URLs of its servers, the state is kept there, and `state` is not used.
    """

    paths: list[str]
    config: str | None
    env_files: list[str] | None
    choice: Choice
    variables: dict[str, str]
    state: Path
    cluster: str | None = None
    max_concurrent: int | None
    grace: float
    watch: bool
    listen: "Listen | None" = None


class Display(AbstractContextManager["Display"]):
    """What is shown beside the loop while it runs: by default nothing."""

    def __exit__(self, *_: object) -> None:
        """Take it away."""

    async def keep_drawing(self) -> None:
        """Draw it again and again; ends by being cancelled."""


class Service:
    """One loop, from its files to its end.

    `environment` holds the process's variables. `write` is called with each event of the loop.
    """

    def __init__(
        self,
        options: ServiceOptions,
        reader: WorkspaceReader,
        redactor: Redactor,
        environment: Mapping[str, str],
        write: Callable[[LoopEvent], None],
    ) -> None:
        self._options = options
        self._reader = reader
        self._redactor = redactor
        self._environment = environment
        self.clock = SystemLoopClock()
        self._write = write
        self._events = Events(self.clock, self._tell)
        self._manager = ServiceManager(environment)
        self._loop: Loop | None = None
        self._reloader: Reloader | None = None
        self._answers: Answers | None = None
        self._monitor: Monitor | None = None
        # Of the jobs that were read last; their names are not known before.
        self._referred: frozenset[str] = frozenset()
        self._is_reload_due = False
        self._cluster = Cluster()

    async def serve(self, on_loop: Callable[[Loop, TickJournal], Display]) -> int:
        """Run until `stop`; return how many executions were cut off.

        `on_loop` is called before the loop begins, and returns what is shown beside it. Raises
        StateError, InvalidInputError or UsageError when it cannot start.
        """
        jobset = self._load()
        if self._options.cluster is not None:
            return await self._serve_in_cluster(self._options.cluster, jobset, on_loop)
        store = Store.open(self._options.state, self._redactor, self.clock)
        try:
            # A file may be called by bytes that are no text; this is for people.
            name = " ".join(self._options.paths)
            store.acquire_loop(name.encode(errors="backslashreplace").decode())
            return await self._run(store, jobset, on_loop)
        finally:
            store.close()

    def stop(self) -> None:
        """Start nothing any more; `serve` returns when what runs has ended, or the grace has."""
        if self._loop is not None:
            self._loop.stop()

    def reload(self) -> None:
        """Read the files anew soon, also when it is asked for before the loop runs."""
        if self._reloader is None:
            self._is_reload_due = True
        else:
            self._reloader.ask()

    async def _run(
        self, store: Store, jobset: JobSet, on_loop: Callable[[Loop, TickJournal], Display]
    ) -> int:
        config = find_config(self._options.config, self._environment)
        journal = loop_journal(store, self._redactor, config, self.clock, self._events)
        telemetry = self._telemetry()
        loop = Loop(
            self.clock,
            journal,
            self._events,
            self._redactor.data,
            self._options.variables,
            telemetry=telemetry,
        )

        def begin() -> list[Coroutine[Any, Any, None]]:
            loop.begin(jobset)
            store.set_patience(_PATIENCE)
            return [*self._control(loop), keep_log_short(store, self.clock)]

        return await self._run_loop(loop, journal, jobset, on_loop, begin, telemetry)

    async def _serve_in_cluster(
        self, url: str, jobset: JobSet, on_loop: Callable[[Loop, TickJournal], Display]
    ) -> int:
        """Run as one of many hosts."""
        from chronos_cli.cluster.clock import ClusterClock
        from chronos_cli.cluster.host import ClusterHost  # with what speaks to its servers

        clock = ClusterClock(self.clock)
        events = self._events = Events(clock, self._tell)
        config = find_config(self._options.config, self._environment)
        host = ClusterHost(url, self._cluster, clock, events, self._redactor, config)
        telemetry = self._telemetry()
        loop = Loop(
            clock,
            host.journal,
            events,
            self._redactor.data,
            self._options.variables,
            telemetry=telemetry,
            make_starts=host.starts,
        )
        await host.join(jobset.jobs.values())

        def begin() -> list[Coroutine[Any, Any, None]]:
            loop.begin(jobset)
            host.begin(loop)
            observed = [host.observer.serve()] if self._options.listen is not None else []
            return [host.watch(), *observed]

        return await self._run_loop(loop, host.journal, jobset, on_loop, begin, telemetry, host)

    async def _run_loop(  # noqa: PLR0913, PLR0917 - a loop, and all that goes with it
        self,
        loop: Loop,
        journal: TickJournal,
        jobset: JobSet,
        on_loop: Callable[[Loop, TickJournal], Display],
        begin: Callable[[], list[Coroutine[Any, Any, None]]],
        telemetry: "Telemetry | None",
        host: "ClusterHost | None" = None,
    ) -> int:
        """Run a loop to its end; `begin` begins it, and returns what goes on beside it."""
        self._loop = loop
        beats = HeartbeatSender(self.clock, loop, journal, self._events)

        def adopt(jobset: JobSet) -> None:
            loop.adopt(jobset)
            adopt_beside(jobset)

        def adopt_beside(jobset: JobSet) -> None:
            beats.adopt(jobset)
            if self._monitor is not None:
                self._monitor.certificates.adopt(jobset)

        reloader = self._reloader = Reloader(self._reload, adopt, self._events, self._manager)
        if self._is_reload_due:
            reloader.ask()
        async with self._monitored(loop, host):
            with on_loop(loop, journal) as shown:
                helpers = begin()
                adopt_beside(jobset)
                helpers += [*self._helpers(reloader), shown.keep_drawing(), beats.serve()]
                await self._keep_on(loop, helpers)
        if telemetry is not None:
            await telemetry.close()
        return loop.cut_off

    async def _keep_on(self, loop: Loop, helpers: list[Coroutine[Any, Any, None]]) -> None:
        """Run until the loop is stopped and what it runs has ended."""
        tasks = [asyncio.create_task(_watched(helper, loop)) for helper in helpers]
        self._manager.ready()
        await loop.run()
        self._manager.stopping()
        await loop.drain(self._options.grace)
        for task in tasks:
            task.cancel()

    @asynccontextmanager
    async def _monitored(self, loop: Loop, host: "ClusterHost | None") -> AsyncIterator[None]:
        """Let the loop be looked at over HTTP meanwhile, where that is asked for."""
        options = self._options
        if options.listen is None:
            yield
            return
        if options.listen.warning is not None:
            self._events.tell(EventKind.WARNING, message=options.listen.warning)
        from chronos_cli.monitor.reading import StateOutcomes
        from chronos_cli.monitor.site import Monitor  # HTTP and Prometheus

        clock: LoopClock = self.clock
        outcomes: OutcomesMaker = partial(StateOutcomes, options.state, self._redactor)
        figures = None
        if host is not None:
            clock, outcomes, figures = host.clock, host.outcomes, host.observer.figures
        monitor = Monitor(
            options.listen, loop, clock, outcomes, self._redactor, options.variables, figures
        )
        self._events.tell(EventKind.LISTENING, url=await monitor.open())
        self._monitor = monitor
        try:
            yield
        finally:
            await monitor.close()

    def _tell(self, event: LoopEvent) -> None:
        self._write(event)
        if self._monitor is not None:
            self._monitor.note(event)
        if self._answers is not None:
            self._answers.note(event)

    def _telemetry(self) -> "Telemetry | None":
        """Return what tells of executions to whoever collects traces, if anybody does."""
        if not collects_traces(self._environment):
            return None
        from chronos_cli.app.tracing import open_telemetry  # not for those who collect none

        def warn(message: str) -> None:
            self._events.tell(EventKind.WARNING, message=message)

        return open_telemetry(self._environment, self.clock, self._redactor, warn)

    def _helpers(self, reloader: Reloader) -> list[Coroutine[Any, Any, None]]:
        """Return what goes on beside the loop, for as long as it runs."""
        helpers = [reloader.serve(), self._manager.keep_alive(self.clock)]
        if self._monitor is not None:
            helpers += [self._monitor.look_back(), self._monitor.certificates.serve()]
        if self._options.watch:
            helpers.append(watch_files(Watch(self._files), self.clock, reloader.ask))
        return helpers

    def _control(self, loop: Loop) -> list[Coroutine[Any, Any, None]]:
        """Return what answers on the control socket; a loop without one runs all the same."""
        path = control_path(self._options.state)
        try:
            socket = listening(path)
        except OSError as error:
            reason = f"{path}: {error.strerror or error}"
            message = f"no control socket, so that status, trigger and pause do not work: {reason}"
            self._events.tell(EventKind.WARNING, message=message)
            return []
        self._answers = Answers(loop, self.clock, self._redactor.data)
        return [ControlServer(socket, path, self._answers.to).serve()]

    def _load(self) -> JobSet:
        """Read the files; raises InvalidInputError, and UsageError for what cannot be read."""
        options = self._options
        scope = Scope(choice=options.choice)
        checked = self._reader.read(options.paths, options.config, options.env_files, scope)
        workspace = checked.workspace
        # One that is missing may come later, and make the set a good one.
        self._referred |= workspace.secret_files
        if problems := [*checked.problems, *workspace.heartbeat_problems]:
            raise InvalidInputError(problems)
        workspace.require_clients([*workspace.jobs, *workspace.own_jobs()])
        scheduled = {job.id: job for job in workspace.jobs if job.spec.schedule is not None}
        if not scheduled:
            where = workspace.jobs[0].position if workspace.jobs else Position(options.paths[0])
            hint = "add 'schedule: \"0 9 * * *\"'"
            raise InvalidInputError([Problem(where, "no job has a schedule", hint=hint)])
        require_variables(scheduled.values(), options.variables)
        for message in aside_messages(workspace.aside):
            self._events.tell(EventKind.WARNING, message=message)
        self._cluster = workspace.config.scheduler.cluster
        workspace.import_clients([*scheduled.values(), *workspace.own_jobs()])
        self._referred = workspace.files()
        return JobSet(
            jobs=scheduled,
            dispatchers=workspace.dispatchers(),
            max_concurrent=options.max_concurrent or workspace.config.scheduler.max_concurrent_jobs,
            unscheduled=len(workspace.jobs) - len(scheduled),
            heartbeat=workspace.heartbeat,
        )

    def _reload(self) -> JobSet:
        if "-" in self._options.paths:
            raise UsageError("jobs from standard input cannot be read again")
        return self._load()

    def _files(self) -> list[str]:
        """Return every file that a reload would read, as far as names tell."""
        names = find_files(self._options.paths)
        with suppress(UsageError):
            names += [find_config(self._options.config, self._environment) or "chronos.yaml"]
        names += [*(self._options.env_files or []), *self._referred]
        return names


async def _watched(helper: Coroutine[Any, Any, None], loop: Loop) -> None:
    """Run what goes beside the loop; a bug in it must not pass unseen."""
    try:
        await helper
    except Exception as error:  # noqa: BLE001 - raised again, from the loop
        loop.fail(error)
