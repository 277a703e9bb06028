"""Three Kafka brokers that are each other's controllers, and Java's clients for them."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.brokers.certificates import Certificates
from tests.brokers.kafka import KafkaBroker, missing
from tests.brokers.process import LOOPBACK, ServerProcess, answers, free_ports
from tests.brokers.provision import jars_folder
from tests.interop.servers import need

_START_LIMIT, _JAVA_LIMIT = 90.0, 90.0
_SOURCE = Path(__file__).parent / "java" / "FarSide.java"


class Node(KafkaBroker):
    """One of three, with a port for clients and one for the other controllers."""

    def __init__(
        self, folder: Path, certificates: Certificates, number: int, ports: list[int]
    ) -> None:
        super().__init__(folder, certificates)
        self.cluster_id = "kInteropClusterOfTests"
        self.number = number
        self._clients, self._voters = ports[:3], ports[3:]
        self.plaintext = f"{LOOPBACK}:{self._clients[number - 1]}"

    def wait_ready(self) -> None:
        """Wait until it takes clients; it does so when a second one is there."""
        self.process.wait_ready(lambda: answers(self._clients[self.number - 1]), _START_LIMIT)

    def _launch(self) -> ServerProcess:
        properties = self.folder / "server.properties"
        if not properties.exists():
            properties.write_text(self._properties(), encoding="utf-8")
            self._format(properties)
        return ServerProcess(self._java("kafka.Kafka", properties), self.folder / "kafka.log")

    def _properties(self) -> str:
        voter = self._voters[self.number - 1]
        numbered = enumerate(self._voters, 1)
        changed = {
            "node.id": str(self.number),
            "controller.quorum.voters": ",".join(f"{n}@{LOOPBACK}:{port}" for n, port in numbered),
            "listeners": f"PLAINTEXT://{self.plaintext},CONTROLLER://{LOOPBACK}:{voter}",
            "advertised.listeners": f"PLAINTEXT://{self.plaintext}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "offsets.topic.replication.factor": "3",
            "min.insync.replicas": "2",
            "default.replication.factor": "3",
        }
        settings = {**self._node_settings(), **changed}
        return "".join(f"{name}={value}\n" for name, value in settings.items())


@contextmanager
def kafka_cluster(folder: Path, certificates: Certificates) -> Iterator[list[Node]]:
    """Run three brokers; a topic has three replicas, of which two must have a record."""
    if reason := missing():
        pytest.skip(reason)
    ports = free_ports(6)
    nodes = [Node(folder / f"k{number}", certificates, number, ports) for number in (1, 2, 3)]
    with ExitStack() as running:
        for node in nodes:
            running.enter_context(node)
            running.callback(node.process.kill)
        for node in nodes:
            node.wait_ready()
        yield nodes


def java(*words: str, stdin: str = "") -> list[str]:
    """Run Java's producer or consumer; return the lines that it printed."""
    need("javac")
    command = ["java", "-cp", f"{jars_folder()}/*", str(_SOURCE), *words]
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=_JAVA_LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def kafka_version() -> str:
    """Tell the version of the brokers and of Java's clients."""
    (jar,) = jars_folder().glob("kafka-clients-*.jar")
    return jar.stem.removeprefix("kafka-clients-")
