"""Reading the jobs again while the loop runs: all of them, or none."""

import asyncio
from collections.abc import Callable

from chronos_cli.clock import Clock
from chronos_cli.cron.events import EventKind, Events
from chronos_cli.cron.jobset import JobSet
from chronos_cli.cron.systemd import ServiceManager
from chronos_cli.cron.watch import Watch
from chronos_cli.errors import ChronosError, InvalidInputError
from chronos_cli.problems import Problem


class Reloader:
    """Reloads when asked to. `load` reads the files anew, in a thread beside the loop."""

    def __init__(
        self,
        load: Callable[[], JobSet],
        adopt: Callable[[JobSet], None],
        events: Events,
        manager: ServiceManager,
    ) -> None:
        self._load = load
        self._adopt = adopt
        self._events = events
        self._manager = manager
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Reload soon; asked for in the midst of a reload, once more after it."""
        self._asked.set()

    async def serve(self) -> None:
        """Reload whenever it is asked for; ends by being cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            self._manager.reloading()
            await self._reload()
            self._manager.ready()

    async def _reload(self) -> None:
        try:
            jobset = await asyncio.to_thread(self._load)
        except InvalidInputError as error:
            lines = [_line(problem) for problem in error.problems]
            self._refuse("the files have problems, the jobs stay as they are", lines)
        except ChronosError as error:
            self._refuse(f"{error}; the jobs stay as they are", None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the jobs must go on
            what = f"internal error: {type(error).__name__}: {error}"
            self._refuse(f"{what}; the jobs stay as they are", None)
        else:
            self._adopt(jobset)

    def _refuse(self, message: str, problems: list[str] | None) -> None:
        self._events.tell(EventKind.RELOAD_REFUSED, message=message, problems=problems)


async def watch_files(watch: Watch, clock: Clock, ask: Callable[[], None]) -> None:
    """Ask for a reload whenever files have changed; ends by being cancelled."""
    while True:
        await clock.sleep(watch.interval)
        if await asyncio.to_thread(watch.has_changed):
            ask()


def _line(problem: Problem) -> str:
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"{problem.position}: {problem.message}{hint}"
