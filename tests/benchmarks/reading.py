"""What it takes to read jobs, against the parser that they go through."""

from pathlib import Path

from tests.benchmarks import jobs
from tests.benchmarks.bench import PYTHON, Bench, one
from tests.benchmarks.measure import Command, Figure, interleaved, run

_ROUNDS = 5
_COUNT = 10_000
_MICROSECONDS = 1e6
_COMPOSE = "import sys, yaml; yaml.compose(open(sys.argv[1]), yaml.CSafeLoader)"


def _validated(bench: Bench, file: Path) -> float:
    return bench.chronos("validate", file).seconds


def _job(bench: Bench) -> Figure:
    count = bench.some(_COUNT)
    many, single = (bench.file(jobs.described(some)) for some in (count, 1))
    samples = interleaved(
        bench.rounds(_ROUNDS), lambda: _validated(bench, many), lambda: _validated(bench, single)
    )
    pairs = zip(*samples, strict=True)
    return Figure.of([(long - short) / (count - 1) * _MICROSECONDS for long, short in pairs])


def _validate(bench: Bench) -> Figure:
    file = bench.file(jobs.described(bench.some(_COUNT)))
    compose: Command = [PYTHON, "-c", _COMPOSE, file]
    ways = (lambda: _validated(bench, file), lambda: run(compose).seconds)
    return Figure.ratio(interleaved(bench.rounds(_ROUNDS), *ways))


MEASUREMENTS = (one("read-job", _job), one("read-validate", _validate))
