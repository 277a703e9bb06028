"""Three NATS servers with JetStream that make one cluster."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.brokers.nats import NatsServer
from tests.brokers.process import BrokerError, ServerProcess, answers, free_ports
from tests.brokers.provision import find_program
from tests.protocols.test_nats_cluster import eventually
from tests.servers.nats_wire import Wire

# Another server than the machine's, for the whole tests.
PROGRAM = "CHRONOS_TEST_NATS_SERVER"


class Node(NatsServer):
    """One server of a cluster; `disk` bounds what JetStream may store, `extra` is added."""

    def __init__(self, folder: Path, extra: str, disk: str, wrapper: Sequence[str] = ()) -> None:
        super().__init__(folder, token="unused")
        self._token = None
        self._extra, self.disk, self._wrapper = extra, disk, wrapper

    @property
    def is_alive(self) -> bool:
        return self.process._process.poll() is None

    def _launch(self) -> ServerProcess:
        program = os.environ.get(PROGRAM) or find_program("nats-server")
        port = self.port
        if not port or not program:
            raise BrokerError("nats-server is not installed")
        configuration = self.folder / "nats.conf"
        configuration.write_text(self._configuration(port), encoding="utf-8")
        command = [*self._wrapper, program, "-c", configuration]
        process = ServerProcess(command, self.folder / "nats.log")
        process.wait_ready(lambda: answers(port, expected=b"INFO "), 15)
        return process

    def _configuration(self, port: int) -> str:
        return super()._configuration(port) + self._extra


class Nodes:
    """The three, by their names; each may have lines of its own."""

    def __init__(
        self,
        folder: Path,
        extra: str = "",
        disk: str = "400GB",
        wrappers: dict[str, Sequence[str]] | None = None,
    ) -> None:
        names, ports = ("n1", "n2", "n3"), free_ports(3)
        routes = json.dumps([f"nats://127.0.0.1:{port}" for port in ports])
        self.by_name = {
            name: Node(
                folder / name,
                f"server_name: {name}\n"
                f'cluster {{name: c, listen: "127.0.0.1:{port}", routes: {routes}}}\n{extra}',
                disk,
                (wrappers or {}).get(name, ()),
            )
            for name, port in zip(names, ports, strict=True)
        }

    @property
    def url(self) -> str:
        return ",".join(node.url for node in self.by_name.values())

    @contextmanager
    def running(self) -> Iterator["Nodes"]:
        with ExitStack() as stack:
            for node in self.by_name.values():
                stack.enter_context(node)
            yield self

    def wait_ready(self) -> None:
        """Wait until all three are there: before, the one that leads has no room for replicas."""
        stream = {"name": "READY", "subjects": ["ready"], "num_replicas": 3, "storage": "memory"}
        self.ask("STREAM.CREATE.READY", stream)

    def ask(self, subject: str, body: Any = None, login: str = "") -> Any:
        """Ask JetStream by whatever server lives."""
        for node in self.by_name.values():
            if node.is_alive:
                wire = Wire(node.url.replace("//", f"//{login}"))
                try:
                    return eventually(wire, f"$JS.API.{subject}", body)
                finally:
                    wire.close()
        raise AssertionError("no server lives")

    def leader(self, stream: str) -> str:
        return str(self.ask(f"STREAM.INFO.{stream}")["cluster"]["leader"])
