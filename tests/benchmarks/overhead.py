"""What a job costs that costs its far side nothing, and what its history adds.

The far side is a plug-in that accepts every message at once. It is installed as any other: by an
entry point, in a folder on the path.
"""

from pathlib import Path

from tests.benchmarks import jobs
from tests.benchmarks.bench import Bench, one
from tests.benchmarks.far import check_count
from tests.benchmarks.measure import Figure, interleaved
from tests.support import ROOT

_ROUNDS = 5
_COUNT = 10_000
_MICROSECONDS = 1e6
_PLUGIN = '''
"""Accepts every message at once, and writes down how many there were."""

import os
from pathlib import Path

from chronos_cli.dispatch.plugin import Plugin, Preview, Receipt
from chronos_cli.jobs.model import Settings, Target


class Sink(Target, kw_only=True, frozen=True):
    def describe(self):
        return "the sink"


class SinkDispatcher:
    def __init__(self, settings):
        self.count = 0

    async def send(self, delivery):
        self.count += 1
        return Receipt()

    async def preview(self, delivery):
        return Preview("SINK", [], "")

    async def close(self):
        Path(os.environ["SINK_COUNT"]).write_text(str(self.count))


plugin = Plugin(
    key="sink", protocol="sink", target=Sink, settings=Settings, dispatcher=SinkDispatcher
)
'''


def _install(bench: Bench) -> dict[str, str]:
    """Lay out a distribution as pip would; return the environment that sees it."""
    folder = bench.fresh("-sink")
    info = folder / "sink-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "sink_chronos.py").write_text(_PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sink\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[chronos.dispatchers]\nsink = sink_chronos:plugin\n")
    return {"PYTHONPATH": f"{folder}:{ROOT}"}


class _Batch:
    """One file of jobs for the sink."""

    def __init__(self, bench: Bench, *, enabled: bool = True) -> None:
        self.count = bench.some(_COUNT)
        self._bench = bench
        self._sent = self.count if enabled else 0
        self._env = _install(bench)
        self._file = bench.file(jobs.fan_out(range(self.count), {"sink": {}}, enabled=enabled))

    def without_state(self) -> float:
        return self._run("--no-state")

    def with_state(self) -> float:
        return self._run("--state", self._bench.fresh(".sqlite"))

    def _run(self, *options: str | Path) -> float:
        counted = self._bench.file("0", ".count")
        env = self._env | {"SINK_COUNT": str(counted)}
        seconds = self._bench.chronos("run", "--quiet", *options, self._file, **env).seconds
        check_count(int(counted.read_text()), self._sent)
        return seconds


def _per_job(samples: list[list[float]], count: int) -> Figure:
    """Return by how much a job of the first runs took longer, in microseconds."""
    pairs = zip(*samples, strict=True)
    return Figure.of([(slow - quick) / count * _MICROSECONDS for slow, quick in pairs])


def _own(bench: Bench) -> Figure:
    sent, disabled = _Batch(bench), _Batch(bench, enabled=False)
    ways = (sent.without_state, disabled.without_state)
    return _per_job(interleaved(bench.rounds(_ROUNDS), *ways), sent.count)


def _history(bench: Bench) -> Figure:
    batch = _Batch(bench)
    ways = (batch.with_state, batch.without_state)
    return _per_job(interleaved(bench.rounds(_ROUNDS), *ways), batch.count)


MEASUREMENTS = (one("job-own", _own), one("job-history", _history))
