"""The table: what each row measures, against what, and which figure it is to reach."""

from dataclasses import dataclass
from typing import Any, Literal

from tests.benchmarks.measure import Figure

Comparison = Literal["at most", "at least"]


@dataclass(frozen=True)
class Row:
    """One row. Without a target it only informs. `unit` is x where the figure is a ratio."""

    name: str
    title: str
    against: str
    target: float | None
    comparison: Comparison = "at most"
    unit: str = "x"

    def holds(self, value: float) -> bool | None:
        if self.target is None:
            return None
        return value <= self.target if self.comparison == "at most" else value >= self.target


@dataclass(frozen=True)
class Result:
    """A row with its figure, or with the reason why there is none.

    `failed` tells a measurement that went wrong from a peer that cannot be had.
    """

    row: Row
    figure: Figure | None = None
    reason: str = ""
    failed: bool = False

    @property
    def holds(self) -> bool | None:
        return self.row.holds(self.figure.value) if self.figure else None

    def document(self) -> dict[str, Any]:
        row, figure = self.row, self.figure
        described = {
            "name": row.name,
            "title": row.title,
            "against": row.against,
            "unit": row.unit,
            "comparison": row.comparison,
            "target": row.target,
            "holds": self.holds,
        }
        if figure is None:
            return described | {"value": None, "reason": self.reason}
        spread = {"value": figure.value, "low": figure.low, "high": figure.high}
        sides = {"ours": figure.ours, "theirs": figure.theirs}
        measured = {name: _rounded(side) for name, side in (spread | sides).items()}
        return described | measured | {"parts": figure.parts, "runs": figure.runs}


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else float(f"{figure:.4g}")


def regressions(before: dict[str, Any], results: list[Result]) -> list[str]:
    """Name the rows that held in an earlier document and no longer do.

    A row that could not be measured for want of a peer is not judged; one whose measurement went
    wrong does not hold.
    """
    held = {row["name"] for row in before.get("rows", ()) if row.get("holds")}
    return [
        result.row.name
        for result in results
        if result.row.name in held and (result.holds is False or result.failed)
    ]


SCRIPT = "a script, same client"
ASYNCIO = "an asyncio script, same client"

ROWS = (
    Row("start-version", "`chronos --version`", "`python -c pass`", 1.3),
    Row("start-validate", "`chronos validate one.yaml`", "`python -c pass`", 8),
    Row("start-check-jsonschema", "`chronos validate one.yaml`", "check-jsonschema", None),
    Row("start-http", "`chronos run http.yaml`", "`httpx.post` in a script", 1.2),
    Row("start-httpie", "`chronos run http.yaml`", "HTTPie, same interpreter", 0.67),
    Row("start-curl", "`chronos run http.yaml`", "curl", None),
    Row("start-kafka", "`chronos run` of one Kafka job", SCRIPT, 1.9),
    Row("start-kcat", "`chronos run` of one Kafka job", "kcat", None),
    Row("start-nats", "`chronos run` of one NATS job", SCRIPT, 1.3),
    Row("start-grpc", "`chronos run` of one gRPC job", SCRIPT, 1.9),
    Row("start-grpcurl", "`chronos run` of one gRPC job", "grpcurl", None),
    Row("start-rabbitmq", "`chronos run` of one RabbitMQ job", SCRIPT, 1.5),
    Row("fanout-http", "rate of 10,000 HTTP jobs, 100 at once", "aiohttp", 0.6, "at least"),
    Row("fanout-flat", "highest rate of 1k, 10k, 50k HTTP jobs", "the lowest of them", 1.15),
    Row("fanout-jetstream", "rate of 5,000 JetStream jobs", ASYNCIO, 0.5, "at least"),
    Row("fanout-grpc", "rate of 5,000 gRPC jobs, grpcio's server", ASYNCIO, 0.85, "at least"),
    Row("fanout-grpc-unbound", "the same, a server that bounds neither", ASYNCIO, None),
    Row("fanout-rabbitmq", "rate of 5,000 RabbitMQ jobs", ASYNCIO, 0.4, "at least"),
    Row("fanout-kafka", "rate of 5,000 Kafka jobs", ASYNCIO, 0.12, "at least"),
    Row("job-own", "our own cost of a job, of 10,000", "disabled jobs", 80, unit="µs"),
    Row("job-history", "what history adds to a job", "`--no-state`", 150, unit="µs"),
    Row("read-job", "reading a job, of 10,000 in a file", "one job", 200, unit="µs"),
    Row("read-validate", "`validate` of 10,000 jobs", "`yaml.compose`, C loader", 2),
    Row("cron-start", "`cron`, 100,000 jobs, 200 schedules: until started", "", 15, unit="s"),
    Row("cron-memory", "memory for each of these jobs", "2,000 jobs", 3, unit="KiB"),
    Row("cron-idle", "CPU while none is due, of a core", "", 1, unit="%"),
    Row("tick-cpu", "CPU per HTTP tick", "supercronic with curl", 0.2),
    Row("tick-late-100", "100 jobs in one instant, p99 late", "the instant", 50, unit="ms"),
    Row("tick-late-1000", "1,000 jobs in one instant, p99 late", "the instant", 250, unit="ms"),
)
