"""The loop in figures, in Prometheus' text format; docs/metrics.md names them all.

There are series of the jobs that are in force and of no others. The name of a job is in the label
`job_id`: `job` is Prometheus' own.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chronos_cli.cluster.figures import ClusterFigures
from chronos_cli.cron.events import EventKind, LoopEvent
from chronos_cli.dispatch.outcome import Status
from chronos_cli.jobs.model import Job
from chronos_cli.monitor.board import Standing

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_OF_JOB = ("job_id", "protocol")
_DURATIONS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_DELAYS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 3600)
_PASSED_OVER = frozenset({EventKind.SKIPPED, EventKind.DROPPED})

_NOTICES = {
    EventKind.NOTICE_SENT: "sent",
    EventKind.NOTICE_HELD: "held",
    EventKind.NOTICE_FAILED: "failed",
}

_CERTIFICATE = "When the first verified certificate of the far side ends."

_Key = tuple[str, str]


class Metrics:
    """Counts what a loop tells. `job_of` returns a job that is in force.

    `note` and `seed` are for the loop's thread. `text` may run in another one, in one at a time.
    """

    def __init__(self, job_of: Callable[[str], Job | None]) -> None:
        self._job_of = job_of
        # Those of which there may be series.
        self._known: set[_Key] = set()
        # By job, in seconds since 1970.
        self._successes: dict[str, float] = {}
        self._registry = CollectorRegistry()
        self._gauges = _Gauges()
        self._registry.register(self._gauges)
        ProcessCollector(registry=self._registry)
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each one
        self._executions = self._counter(
            "executions", "Executions that ended, by how; skipped ones did not start.", "status"
        )
        self._failed_attempts = self._counter(
            "attempt_failures", "Attempts that failed and were followed by another."
        )
        self._notices = self._counter("notices", "Notices, by what became of them.", "result")
        self._missed = self._counter("missed_ticks", "Ticks that passed while nobody looked.")
        self._durations = Histogram(
            "chronos_execution_duration_seconds",
            "What executions took, with all attempts and waits.",
            _OF_JOB,
            buckets=_DURATIONS,
            registry=self._registry,
        )
        self._lateness = Histogram(
            "chronos_start_lateness_seconds",
            "How much later than they were due executions started, for want of room or otherwise.",
            buckets=_DELAYS,
            registry=self._registry,
        )

    def seed(self, successes: Mapping[str, float]) -> None:
        """Take over when jobs succeeded before this process; seconds since 1970."""
        self._successes = {**successes, **self._successes}

    def note(self, event: LoopEvent) -> None:
        """Count one event of the loop."""
        key = self._key(event.fields.get("job_id"))
        if key is None:
            return
        fields = event.fields
        if event.kind is EventKind.FIRED:
            self._lateness.observe(max(0.0, fields["late_ms"] / 1000))
        elif event.kind is EventKind.ENDED:
            self._executions.labels(*key, fields["status"]).inc()
            self._durations.labels(*key).observe(fields["duration_ms"] / 1000)
            if fields["status"] == Status.SUCCEEDED:
                self._successes[key[0]] = event.time.timestamp()
        elif event.kind in _PASSED_OVER:
            self._executions.labels(*key, Status.SKIPPED).inc()
        elif event.kind is EventKind.ATTEMPT_FAILED:
            self._failed_attempts.labels(*key).inc()
        elif event.kind is EventKind.MISSED:
            self._missed.labels(*key).inc(fields["missed"])
        elif event.kind in _NOTICES:
            self._notices.labels(*key, _NOTICES[event.kind]).inc()

    def text(self, standing: Standing) -> bytes:
        """Return all figures as they are now."""
        current = {(job.id, job.protocol) for job, _ in standing.jobs}
        for key in self._known - current:
            self._forget(key)
        for key in current - self._known:
            self._begin(key)
        self._known = current
        self._gauges.show(standing, self._successes)
        return generate_latest(self._registry)

    def _key(self, job_id: str | None) -> _Key | None:
        """Return the labels of a job; None for one that is gone."""
        job = self._job_of(job_id) if job_id is not None else None
        if job is None:
            return None
        key = job.id, job.protocol
        self._known.add(key)
        return key

    def _begin(self, key: _Key) -> None:
        """Let a job's counters begin at zero: what begins at one has, for PromQL, not risen."""
        for status in Status:
            self._executions.labels(*key, status)
        job = self._job_of(key[0])
        for result in _NOTICES.values() if job and job.notices else ():
            self._notices.labels(*key, result)
        self._failed_attempts.labels(*key)
        self._missed.labels(*key)

    def _forget(self, key: _Key) -> None:
        for status in Status:
            self._executions.remove(*key, status)
        for result in _NOTICES.values():
            self._notices.remove(*key, result)
        for metric in (self._failed_attempts, self._missed, self._durations):
            metric.remove(*key)

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"chronos_{name}", words, (*_OF_JOB, *labels), registry=self._registry)


class _Gauges(Collector):
    """What is read off the loop as it stands."""

    def __init__(self) -> None:
        self._found: list[Metric] = []

    def show(self, standing: Standing, successes: Mapping[str, float]) -> None:
        """Yield these figures from now on; `successes` is in seconds since 1970, by job."""
        self._found = [*_of_loop(standing), *_of_jobs(standing, successes)]
        if standing.cluster is not None:
            self._found += _of_cluster(standing.cluster)

    def collect(self) -> Iterator[Metric]:
        """Yield the figures; none before there are any."""
        yield from self._found


def _of_loop(standing: Standing) -> Iterator[Metric]:
    build = GaugeMetricFamily("chronos_build_info", "The version that runs.", labels=["version"])
    build.add_metric([standing.version], 1)
    yield build
    yield _gauge("jobs", "Jobs on the schedule.", len(standing.jobs))
    yield _gauge("overdue_seconds", "How long the loop has left a tick alone.", standing.overdue)
    writable = int(standing.is_recording)
    yield _gauge("state_writable", "Whether executions can be recorded.", writable)
    adopted = standing.refusal is None
    yield _gauge("last_reload_successful", "Whether the jobs are those of the files.", int(adopted))
    reloads = CounterMetricFamily("chronos_reloads", "Reloads, by result.", labels=["result"])
    for result, number in standing.reloads.items():
        reloads.add_metric([result], number)
    yield reloads


def _of_cluster(cluster: ClusterFigures) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "chronos_cluster_info", "The group, and this host's name in it.", labels=["group", "host"]
    )
    info.add_metric([cluster.group, cluster.host], 1)
    yield info
    yield _gauge("cluster_hosts", "Hosts of the group that live.", cluster.hosts)
    quorum = int(cluster.has_quorum)
    yield _gauge("cluster_quorum", "Whether a majority of the servers answers.", quorum)
    can_claim = int(cluster.can_claim)
    yield _gauge("cluster_claimable", "Whether the servers let ticks be claimed.", can_claim)
    yield _gauge("cluster_troubles", "Kinds of trouble there are now.", len(cluster.troubles))
    skew = "How far this host's clock is behind the cluster's."
    yield _gauge("cluster_clock_skew_seconds", skew, cluster.skew)
    stalled = int(cluster.is_stalled)
    yield _gauge("cluster_stalled", "Whether ticks wait and the servers hand out none.", stalled)
    if cluster.waiting is not None:
        yield _gauge("cluster_waiting_ticks", "Ticks that no host has yet.", cluster.waiting)
    if cluster.handed is not None:
        words = "Ticks that a host has and has not acknowledged."
        yield _gauge("cluster_unacknowledged_ticks", words, cluster.handed)
    yield _counted("cluster_claim_requests", "Requests to claim a tick.", cluster.requests)
    words = "Ticks that came to this host and not for the first time."
    yield _counted("cluster_redeliveries", words, cluster.redeliveries)
    claims = CounterMetricFamily(
        "chronos_cluster_claims",
        "Ticks that this host claimed, and found claimed.",
        labels=["result"],
    )
    claims.add_metric(["stored"], cluster.stored)
    claims.add_metric(["taken"], cluster.taken)
    yield claims


def _of_jobs(standing: Standing, successes: Mapping[str, float]) -> Iterator[Metric]:
    running = _family("running_executions", "Executions under way.")
    waiting = _family("waiting_starts", "Starts that wait for room or for another execution.")
    paused = _family("paused", "Whether the job is paused: its ticks are passed over.")
    due = _family("next_due_timestamp_seconds", "When the job is due next; none if it never is.")
    success = _family("last_success_timestamp_seconds", "When an execution last succeeded.")
    certificate = _family("certificate_expiry_timestamp_seconds", _CERTIFICATE)
    for job, next_time in standing.jobs:
        key = [job.id, job.protocol]
        running.add_metric(key, len(standing.running.get(job.id, ())))
        waiting.add_metric(key, standing.waiting.get(job.id, 0))
        paused.add_metric(key, int(job.id in standing.paused))
        if next_time is not None:
            due.add_metric(key, next_time.timestamp())
        if job.id in successes:
            success.add_metric(key, successes[job.id])
        if job.id in standing.certificate_ends:
            certificate.add_metric(key, standing.certificate_ends[job.id])
    yield from (running, waiting, paused, due, success, certificate)


def _family(name: str, words: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"chronos_{name}", words, labels=list(_OF_JOB))


def _counted(name: str, words: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(f"chronos_{name}", words, value=value)


def _gauge(name: str, words: str, value: Any) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"chronos_{name}", words, value=value)
