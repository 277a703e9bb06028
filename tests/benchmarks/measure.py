"""How a figure comes about: runs that take turns, their median, and how far they spread."""

import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

Command = Sequence[str | Path]

_LIMIT = 600.0


class UnavailableError(Exception):
    """A row cannot be measured here, since a peer or a broker is not to be had."""


class FailureError(Exception):
    """What was to be measured did not do what it should: a figure would mean nothing."""


@dataclass(frozen=True)
class Figure:
    """The median of some runs, with their lower and upper quartile.

    `ours` and `theirs` are the medians that a ratio was made of, in `parts`.
    """

    value: float
    low: float
    high: float
    runs: int
    ours: float | None = None
    theirs: float | None = None
    parts: str = ""

    @classmethod
    def of(cls, samples: Sequence[float]) -> Self:
        low, high = _quartiles(samples)
        return cls(statistics.median(samples), low, high, len(samples))

    @classmethod
    def ratio(cls, samples: Sequence[Sequence[float]], parts: str = "s") -> Self:
        """Divide ours by theirs run by run: what slows the machine for a while slows both."""
        ours, theirs = samples
        ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
        low, high = _quartiles(ratios)
        medians = statistics.median(ours), statistics.median(theirs)
        return cls(statistics.median(ratios), low, high, len(ratios), *medians, parts)


def _quartiles(samples: Sequence[float]) -> tuple[float, float]:
    if len(samples) < 2:
        return samples[0], samples[0]
    low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    return low, high


def interleaved(rounds: int, *ways: Callable[[], float]) -> list[list[float]]:
    """Measure each way once a round, every other round in reverse; return the samples by way."""
    samples: list[list[float]] = [[] for _ in ways]
    for number in range(rounds):
        turns = list(zip(ways, samples, strict=True))
        for way, taken in reversed(turns) if number % 2 else turns:
            taken.append(way())
    return samples


@dataclass(frozen=True)
class Finished:
    """A process that has ended as it should."""

    seconds: float
    out: str


def run(
    command: Command,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    limit: float = _LIMIT,
) -> Finished:
    """Run a command to its end and time it; FailureError when it fails or takes too long.

    Its output goes to files and the wait has no timeout of its own, since pipes and polling
    would add to the time.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, cwd=cwd
        )
        watchdog = threading.Timer(limit, process.kill)
        watchdog.start()
        try:
            code = process.wait()
            seconds = time.perf_counter() - began
        finally:
            watchdog.cancel()
            process.kill()  # has no effect on one that has ended, as all but interrupted ones have
        out.seek(0)
        err.seek(0)
        if code:
            told = err.read()[-500:].decode(errors="replace").strip()
            raise FailureError(f"'{Path(command[0]).name} …' ended with {code}: {told}")
        return Finished(seconds, out.read().decode())
