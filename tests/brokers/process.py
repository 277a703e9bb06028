"""A server process of the tests' own: started, awaited, paused, and stopped by its pid."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
# Below the range that outgoing connections take their ports from: one of those could otherwise
# grab a port between its choice here and the server's start.
_FIRST_PORT, _LAST_PORT = 12000, 30000


class BrokerError(RuntimeError):
    """A broker did not start, did not stop, or did not do what a test told it."""


def free_ports(count: int) -> list[int]:
    """Choose ports of the loopback interface that nothing listens on, all different.

    They are chosen at random, so that workers which start their brokers at the same moment do not
    choose the same ones.
    """
    with ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            port = random.randint(_FIRST_PORT, _LAST_PORT)
            if port in ports:
                continue
            candidate = held.enter_context(socket.socket())
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((LOOPBACK, port))
            except OSError:
                continue
            ports.append(port)
        return ports


def answers(port: int, hello: bytes = b"", expected: bytes = b"") -> bool:
    """Tell whether the server on a port accepts, and answers as its protocol starts."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(hello)
            return connection.recv(len(expected)) == expected if expected else True
    except OSError:
        return False


def wait_for(
    condition: Callable[[], bool], what: str, limit: float, failed: Callable[[], str | None]
) -> None:
    """Poll until the condition holds; `failed` may tell early that it never will."""
    end = time.monotonic() + limit
    while not condition():
        if reason := failed():
            raise BrokerError(f"{what}: {reason}")
        if time.monotonic() > end:
            raise BrokerError(f"{what}: not within {limit:g} seconds")
        time.sleep(0.02)


class ServerProcess:
    """A running program with its output in a file."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = Path(command[0]).name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*_bound_to_parent(), *command],
                cwd=log.parent,  # where the dump of a crash may go
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # a Ctrl-C for the tests must not end it in their midst
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self, condition: Callable[[], bool], limit: float) -> None:
        """Wait until the condition holds; when it cannot be, end the process and show its log."""
        try:
            wait_for(condition, f"{self.name} is not ready", limit, self._death)
        except BaseException as error:
            self.stop()
            if isinstance(error, BrokerError):
                error.add_note(f"The end of {self.log}:\n{self.log_tail()}")
            raise

    def pause(self) -> None:
        """Freeze it: connections stay open and the system still accepts, but nothing answers."""
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)  # its threads stop one after the other, and may answer until then

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self, limit: float = 10) -> None:
        """End it politely, and by force when it takes longer than the limit."""
        if self._process.poll() is not None:
            return
        self._process.terminate()
        self.resume()  # a frozen process would not even see that it is to end
        try:
            self._process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait()

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def log_tail(self, lines: int = 20) -> str:
        return "\n".join(self.log_text().splitlines()[-lines:])

    def _death(self) -> str | None:
        code = self._process.poll()
        return None if code is None else f"it ended with {code}"


class Broker(ABC):
    """What the brokers share: one server in a folder of its own, or an address given from outside.

    As a context manager it starts the server, unless it is not ours, and ends it.
    """

    def __init__(self, folder: Path, external: str | None) -> None:
        self.folder = folder
        self.external = external
        self._process: ServerProcess | None = None

    @property
    def process(self) -> ServerProcess:
        """The server itself, to be killed or looked at."""
        if self._process is None:
            raise BrokerError(f"{type(self).__name__} was not started by these tests")
        return self._process

    def __enter__(self) -> Self:
        if not self.external:
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server (again), with the ports and the data that it had."""
        self.stop()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = self._launch()

    def stop(self) -> None:
        if self._process:
            self._process.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Freeze the server for a while: it accepts connections and answers nothing."""
        self.process.pause()
        try:
            yield
        finally:
            self.process.resume()

    @abstractmethod
    def _launch(self) -> ServerProcess:
        """Start the server and wait until it is ready."""


def _bound_to_parent() -> list[str]:
    """Have the kernel end the server when the tests are killed and cannot do so themselves.

    The bond is to the thread that starts the server, so start servers in the main thread.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def inherited_environment(*without_prefixes: str) -> dict[str, str]:
    """Copy this environment without the variables that would configure a server behind our back."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(without_prefixes)
    }
