"""nats-server of today, in the forms of its configuration, alone and as three nodes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.brokers.process import LOOPBACK, ServerProcess, answers, free_ports
from tests.interop.servers import need

_START_LIMIT = 20.0


@contextmanager
def nats_server(folder: Path, settings: str = "") -> Iterator[int]:
    """Run one; `settings` are lines of its configuration. Yields its port."""
    (port,) = free_ports(1)
    with _started(folder, port, settings, b"" if "handshake_first" in settings else b"INFO "):
        yield port


@contextmanager
def jetstream_cluster(folder: Path) -> Iterator[dict[str, tuple[int, ServerProcess]]]:
    """Run three nodes with JetStream; yields port and process of each by its name."""
    ports, routes = free_ports(3), free_ports(3)
    known = ", ".join(f"nats-route://{LOOPBACK}:{route}" for route in routes)
    nodes = {}
    with ExitStack() as running:
        for number, (port, route) in enumerate(zip(ports, routes, strict=True), 1):
            name = f"n{number}"
            store = folder / name / "store"
            settings = (
                f'server_name: {name}\njetstream {{store_dir: "{store}", max_file: 256MB}}\n'
                f"cluster {{name: tests, listen: {LOOPBACK}:{route}, routes: [{known}]}}\n"
            )
            started = _started(folder / name, port, settings, b"INFO ")
            nodes[name] = (port, running.enter_context(started))
        yield nodes


@contextmanager
def _started(folder: Path, port: int, settings: str, hello: bytes) -> Iterator[ServerProcess]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nats.conf").write_text(f"listen: {LOOPBACK}:{port}\n{settings}\n")
    process = ServerProcess([need("nats-server"), "-c", folder / "nats.conf"], folder / "nats.log")
    process.wait_ready(lambda: answers(port, expected=hello), _START_LIMIT)
    try:
        yield process
    finally:
        process.stop()
