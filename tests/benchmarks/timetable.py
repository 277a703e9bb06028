"""A timetable of 100,000 jobs: how long until it runs, what it holds, what it costs at rest."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import jobs
from tests.benchmarks.bench import CHRONOS, Bench, Measurement
from tests.benchmarks.measure import Command, FailureError, Figure, interleaved
from tests.benchmarks.processes import Running

_JOBS, _FILES, _SCHEDULES = 100_000, 10, 200
_ROUNDS = 3
_REST = 10.0
# What the start leaves to be done, on a slow machine too, in seconds.
_SETTLING = 5
_LIMIT = 300.0


def _far_off() -> list[str]:
    """Return 200 schedules, none of which is due within months."""
    month = (datetime.now(UTC).month + 5) % 12 + 1
    return [f"{number % 60} {number // 60} 1 {month} *" for number in range(_SCHEDULES)]


def _write(bench: Bench, count: int) -> Path:
    folder = bench.fresh("-timetable")
    folder.mkdir()
    schedules = _far_off()
    for number in range(_FILES):
        mine = range(number, count, _FILES)
        names = (f"job-{job}" for job in mine)
        turns = (schedules[job // _FILES % _SCHEDULES] for job in mine)
        text = jobs.scheduled(names, turns, "http://127.0.0.1:9/job")
        (folder / f"jobs-{number}.yaml").write_text(text)
    return folder


class _Timetable:
    """Some files of jobs, and what their loops showed."""

    def __init__(self, bench: Bench, count: int) -> None:
        self.memory: list[float] = []
        self.idle: list[float] = []
        self._bench = bench
        self._folder = _write(bench, count)

    def started(self) -> float:
        """Start the loop, look at it at rest, and return the seconds until it had started."""
        options = ("--log-format", "json", "--state", self._bench.fresh(".sqlite"))
        command: Command = [CHRONOS, "cron", *options, self._folder]
        with Running(command, self._bench.environment(), self._bench.folder) as loop:
            seconds = loop.wait_for_event("started", _LIMIT)
            time.sleep(_SETTLING)
            self._rest(loop)
        return seconds

    def _rest(self, loop: Running) -> None:
        self.memory.append(loop.memory())
        before, began = loop.cpu(), time.monotonic()
        time.sleep(self._bench.some(int(_REST)))
        self.idle.append((loop.cpu() - before) / (time.monotonic() - began) * 100)
        if loop.events():
            raise FailureError("the loop did something though no job was due")


def _take(bench: Bench) -> Sequence[Figure]:
    count = bench.some(_JOBS)
    large, small = _Timetable(bench, count), _Timetable(bench, _SCHEDULES * _FILES)
    seconds, _ = interleaved(bench.rounds(_ROUNDS), large.started, small.started)
    more = count - _SCHEDULES * _FILES
    pairs = zip(large.memory, small.memory, strict=True)
    memory = [(much - little) / more for much, little in pairs]
    return Figure.of(seconds), Figure.of(memory), Figure.of(large.idle)


MEASUREMENTS = (Measurement(("cron-start", "cron-memory", "cron-idle"), _take),)
