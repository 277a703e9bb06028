"""When the certificates of far sides end: looked at beside the dispatches, and without sending.

Not every client library shows the certificate that it has verified, so a dispatch cannot tell. The
steps of `chronos check` as far as TLS can, for all protocols alike.
"""

import asyncio
from collections.abc import Hashable
from contextlib import suppress

from chronos_cli.clock import Clock
from chronos_cli.cron.jobset import JobSet
from chronos_cli.dispatch.check import certificate_end, certificate_key
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution, in_zone, new_id
from chronos_cli.jobs.model import Job

# Seconds between two looks at all of them, and of rest after one at a far side, which may cost the
# loop 50 ms where authorities are read.
_EVERY, _REST = 3600.0, 0.5


class Certificates:
    """Looks at far sides with TLS, one at a time, each once an hour and after a reload.

    `ends` is when the first certificate that a job's far side showed ends, in seconds since 1970,
    by job. What was seen last stays while a far side cannot be reached, or shows one that has
    ended.
    """

    def __init__(self, clock: Clock, variables: dict[str, str]) -> None:
        self._clock = clock
        self._variables = variables
        self._jobset: JobSet | None = None
        self._changed = asyncio.Event()
        self._keys: dict[str, Hashable] = {}  # what `ends` was seen of, by job
        self.ends: dict[str, float] = {}

    def adopt(self, jobset: JobSet) -> None:
        """Look at the far sides of these jobs from now on."""
        self._jobset = jobset
        self._keys = {name: key for name, key in self._keys.items() if name in jobset.jobs}
        self.ends = {name: end for name, end in self.ends.items() if name in jobset.jobs}
        self._changed.set()

    async def serve(self) -> None:
        """Look again and again; ends by being cancelled."""
        while True:
            self._changed.clear()
            if self._jobset is not None:
                await self._look_at_all(self._jobset)
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY):
                    await self._changed.wait()

    async def _look_at_all(self, jobset: JobSet) -> None:
        seen: dict[Hashable, float | None] = {}
        for job in jobset.jobs.values():
            if self._changed.is_set():
                return  # there is another set
            if job.spec.enabled:
                await self._look_at(job, jobset.dispatchers, seen)
            await asyncio.sleep(0)

    async def _look_at(
        self, job: Job, dispatchers: Dispatchers, seen: dict[Hashable, float | None]
    ) -> None:
        """Note when the certificate for a job ends; ask only where no job before has asked."""
        execution = Execution(new_id(), job, in_zone(job, self._clock.now()), self._variables)
        key = certificate_key(execution, dispatchers)
        if self._keys.get(job.id) != key:
            self.ends.pop(job.id, None)  # of another far side
            self._keys[job.id] = key
        if key is None:
            return
        if key not in seen:
            seen[key] = await certificate_end(execution, dispatchers, self._clock)
            await asyncio.sleep(_REST)
        if (end := seen[key]) is not None:
            self.ends[job.id] = end
