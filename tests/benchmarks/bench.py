"""What the measurements share: a folder, the far sides, the peers, and how to run chronos."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TypeVar

from tests.benchmarks.far import CountingServer
from tests.benchmarks.measure import Figure, Finished, UnavailableError, run
from tests.benchmarks.peers import Peers
from tests.brokers import kafka, nats, rabbitmq
from tests.brokers.certificates import Certificates
from tests.brokers.kafka import KafkaBroker
from tests.brokers.nats import NatsServer
from tests.brokers.process import Broker
from tests.brokers.rabbitmq import RabbitServer
from tests.support import environment

B = TypeVar("B", bound=Broker)

PYTHON = Path(sys.executable)
CHRONOS = PYTHON.parent / "chronos"


class Bench:
    """Everything is started when it is first asked for, and ended with `running`.

    `quick` takes a tenth of all counts, and fewer rounds: it tries the rows, the figures are
    worth little.
    """

    def __init__(self, folder: Path, running: ExitStack, peers: Peers, *, quick: bool) -> None:
        self.folder = folder
        self.peers = peers
        self.quick = quick
        self._running = running
        self._numbers = count()

    def some(self, number: int) -> int:
        """Return so many, or a tenth of it."""
        return max(1, number // 10) if self.quick else number

    def rounds(self, number: int) -> int:
        return min(number, 2) if self.quick else number

    def fresh(self, suffix: str) -> Path:
        """Return a path that nothing has used."""
        return self.folder / f"{next(self._numbers)}{suffix}"

    def file(self, text: str, suffix: str = ".yaml") -> Path:
        path = self.fresh(suffix)
        path.write_text(text)
        return path

    def environment(self, **extra: str) -> dict[str, str]:
        """Return an environment in which chronos keeps its state in our folder."""
        return environment({"XDG_STATE_HOME": str(self.folder / "state"), **extra})

    def chronos(self, *arguments: str | Path, **extra: str) -> Finished:
        """Run chronos to its end; FailureError unless it ends with 0."""
        return run([CHRONOS, *arguments], env=self.environment(**extra), cwd=self.folder)

    @cached_property
    def http(self) -> CountingServer:
        return self._running.enter_context(CountingServer("http_server"))

    @cached_property
    def unary(self) -> CountingServer:
        return self._running.enter_context(CountingServer("unary_server"))

    @cached_property
    def grpc(self) -> CountingServer:
        return self._running.enter_context(CountingServer("grpc_server"))

    @cached_property
    def nats(self) -> NatsServer:
        return self._start("NATS", nats.missing(), lambda: NatsServer(self.folder / "nats"))

    @cached_property
    def rabbitmq(self) -> RabbitServer:
        missing = rabbitmq.missing()
        return self._start("RabbitMQ", missing, lambda: RabbitServer(self.folder / "rabbitmq"))

    @cached_property
    def kafka(self) -> KafkaBroker:
        def make() -> KafkaBroker:
            certificates = Certificates.make(self.folder / "certificates")
            return KafkaBroker(self.folder / "kafka", certificates)

        return self._start("Kafka", kafka.missing(), make)

    def _start(self, name: str, missing: str | None, make: Callable[[], B]) -> B:
        if missing and f"CHRONOS_TEST_{name.upper()}" not in os.environ:
            raise UnavailableError(f"{name}: {missing}")
        broker = make()
        self._running.enter_context(broker)
        return broker


@dataclass(frozen=True)
class Measurement:
    """One measurement and the rows that it fills, in the order of its figures."""

    rows: tuple[str, ...]
    take: Callable[[Bench], Sequence[Figure]]


def one(row: str, take: Callable[[Bench], Figure]) -> Measurement:
    """Make a measurement of a single row."""
    return Measurement((row,), lambda bench: [take(bench)])
