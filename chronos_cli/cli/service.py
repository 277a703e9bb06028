"""The loop as a service: signals, reload, the service manager, the log."""

import asyncio
import json
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_cli.cli.exit_codes import ExitCode, leave_if_held_up
from chronos_cli.cli.loading import load_workspace
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.recording import state_path
from chronos_cli.cron.clock import SystemLoopClock
from chronos_cli.cron.events import Event, Events
from chronos_cli.cron.jobset import JobSet
from chronos_cli.cron.ledger import Ledger
from chronos_cli.cron.loop import Loop
from chronos_cli.cron.reload import Reloader, watch_files
from chronos_cli.cron.systemd import ServiceManager
from chronos_cli.cron.watch import Watch
from chronos_cli.errors import InvalidInputError, UsageError
from chronos_cli.jobs.config import find_config
from chronos_cli.jobs.files import find_files
from chronos_cli.problems import Position, Problem
from chronos_cli.report.events import event_document, event_text
from chronos_cli.state.store import Store

if TYPE_CHECKING:
    from chronos_cli.cli.live import LiveTable


# How long the loop waits for another process that holds the state, in seconds: ticks wait too.
_PATIENCE = 0.2


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What the command line says of a service; `grace` is in seconds."""

    paths: list[str]
    config: str | None
    env_files: list[str] | None
    state: str | None
    max_concurrent: int | None
    grace: float
    watch: bool
    as_json: bool
    live: bool


class Service:
    """One loop, from its files to its exit code."""

    def __init__(self, options: ServiceOptions) -> None:
        self._options = options
        self._output = Output()
        self._clock = SystemLoopClock()
        self._events = Events(self._clock, self._write)
        self._manager = ServiceManager(os.environ)
        self._stopped_by: int | None = None
        self._on_terminal = os.isatty(2)
        self._live: LiveTable | None = None
        # Of the jobs that were read last; their names are not known before.
        self._referred: frozenset[str] = frozenset()
        # Until the loop listens, a SIGHUP would be the end of the program.
        self._hung_up = False
        signal.signal(signal.SIGHUP, self._on_early_hang_up)

    async def exit_code(self) -> ExitCode:
        """Run until a signal; raises StateError, InvalidInputError or UsageError at the start."""
        jobset = self._load()
        path = state_path(self._options.state)
        store = Store.open(path, redactor, self._clock)
        try:
            store.acquire_loop(" ".join(self._options.paths))
            code = await self._run(store, jobset)
        finally:
            store.close()
        return leave_if_held_up(code)

    async def _run(self, store: Store, jobset: JobSet) -> ExitCode:
        config = find_config(self._options.config, os.environ)
        ledger = Ledger(store, redactor, config, self._clock, self._events)
        loop = Loop(self._clock, ledger, self._events, redactor.data)
        reloader = Reloader(self._reload, loop.adopt, self._events, self._manager)
        self._listen(loop, reloader)
        with self._shown(loop, ledger):
            loop.begin(jobset)
            store.set_patience(_PATIENCE)
            tasks = [
                asyncio.create_task(_watched(helper, loop)) for helper in self._helpers(reloader)
            ]
            self._manager.ready()
            await loop.run()
            self._manager.stopping()
            await loop.drain(self._options.grace)
            for task in tasks:
                task.cancel()
        if not loop.cut_off:
            return ExitCode.SUCCESS
        by_term = self._stopped_by == signal.SIGTERM
        return ExitCode.TERMINATED if by_term else ExitCode.INTERRUPTED

    def _helpers(self, reloader: Reloader) -> list[Coroutine[Any, Any, None]]:
        """Return what goes on beside the loop, for as long as it runs."""
        helpers = [reloader.serve(), self._manager.keep_alive(self._clock)]
        if self._options.watch:
            helpers.append(watch_files(Watch(self._files), self._clock, reloader.ask))
        if self._live is not None:
            helpers.append(self._live.keep_drawing())
        return helpers

    @contextmanager
    def _shown(self, loop: Loop, ledger: Ledger) -> Iterator[None]:
        """Show the live table, where it is asked for and there is a terminal to show it on."""
        if not (self._options.live and self._on_terminal):
            yield
            return
        from chronos_cli.cli.live import LiveTable  # imports Rich

        with LiveTable(loop.upcoming, ledger.last_entry, self._clock) as self._live:
            yield
        self._live = None

    def _listen(self, loop: Loop, reloader: Reloader) -> None:
        running = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            running.add_signal_handler(number, self._on_stop, number, loop)
        running.add_signal_handler(signal.SIGHUP, self._on_hang_up, loop, reloader)
        if self._hung_up:
            self._on_hang_up(loop, reloader)

    def _on_early_hang_up(self, *_: object) -> None:
        self._hung_up = True

    def _on_stop(self, number: int, loop: Loop) -> None:
        if self._stopped_by is not None:
            if self._live is not None:
                self._live.leave()
            os._exit(128 + number)  # the second signal: out at once
        self._stopped_by = number
        loop.stop()

    def _on_hang_up(self, loop: Loop, reloader: Reloader) -> None:
        if self._on_terminal and not os.isatty(2):
            self._on_stop(signal.SIGTERM, loop)  # nobody asks for a reload: the terminal is gone
        else:
            reloader.ask()

    def _load(self) -> JobSet:
        """Read the files; raises InvalidInputError, and UsageError for what cannot be read."""
        options = self._options
        asked: set[str] = set()
        try:
            workspace = load_workspace(options.paths, options.config, options.env_files, asked)
        finally:
            # One that is missing may come later, and make the set a good one.
            self._referred |= asked
        workspace.require_clients(workspace.jobs)
        scheduled = {job.id: job for job in workspace.jobs if job.spec.schedule is not None}
        if not scheduled:
            where = workspace.jobs[0].position if workspace.jobs else Position(options.paths[0])
            told = Problem(where, "no job has a schedule", hint="add 'schedule: \"0 9 * * *\"'")
            raise InvalidInputError([told])
        workspace.import_clients(scheduled.values())
        self._referred = workspace.files()
        return JobSet(
            jobs=scheduled,
            dispatchers=workspace.dispatchers(),
            max_concurrent=options.max_concurrent or workspace.config.scheduler.max_concurrent_jobs,
            unscheduled=len(workspace.jobs) - len(scheduled),
        )

    def _reload(self) -> JobSet:
        if "-" in self._options.paths:
            raise UsageError("jobs from standard input cannot be read again")
        return self._load()

    def _files(self) -> list[Path]:
        """Return every file that a reload would read, as far as names tell."""
        names = find_files(self._options.paths)
        with suppress(UsageError):
            names += [find_config(self._options.config, os.environ) or "chronos.yaml"]
        names += [*(self._options.env_files or []), *self._referred]
        return [Path(name) for name in names]

    def _write(self, event: Event) -> None:
        line = event_text(event)
        if self._options.as_json:
            line = json.dumps(redactor.data(event_document(event)), ensure_ascii=False)
        with suppress(OSError):  # a full disk or a closed terminal must not stop the jobs
            if self._live is None:
                self._output.note(line)
            else:
                masked = replace(event, fields=redactor.data(event.fields))
                self._live.tell(masked, redactor.text(line))


async def _watched(helper: Coroutine[Any, Any, None], loop: Loop) -> None:
    """Run what goes beside the loop; a bug in it must not pass unseen."""
    try:
        await helper
    except Exception as error:  # noqa: BLE001 - raised again, from the loop
        loop.fail(error)
