"""Private NATS and RabbitMQ servers for the demo, where their programs are installed.

Each listens on free loopback ports, keeps all it writes in a temporary folder, and is ended by
its pid.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_START_LIMIT = 40.0
_STOP_LIMIT = 10.0
_RABBITMQ_FOLDER = Path("/usr/lib/rabbitmq/bin")
_HELLO = b"AMQP\x00\x00\x09\x01"


class UnavailableError(Exception):
    """The server cannot be had on this machine; the message says why."""


@asynccontextmanager
async def nats_server() -> AsyncIterator[str]:
    """Run a NATS server with JetStream; gives its URL."""
    program = _find("nats-server")
    (port,) = _free_ports(1)
    with tempfile.TemporaryDirectory(prefix="chronos-nats-") as folder:
        words = (program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", folder)
        async with _running(words, dict(os.environ), port, b""):
            yield f"nats://127.0.0.1:{port}"


@asynccontextmanager
async def rabbitmq_server() -> AsyncIterator[str]:
    """Run a RabbitMQ server; gives its URL. It takes some seconds to start."""
    server, epmd = _find("rabbitmq-server", _RABBITMQ_FOLDER), _find("epmd")
    amqp, names, distribution = _free_ports(3)
    with tempfile.TemporaryDirectory(prefix="chronos-rabbitmq-") as folder:
        environment = _rabbitmq_environment(Path(folder), amqp, names, distribution)
        # Erlang would leave an epmd of its own behind; this one is ended with the rest.
        async with (
            _running((epmd,), environment, names, None),
            _running((server,), environment, amqp, _HELLO),
        ):
            yield f"amqp://guest:guest@127.0.0.1:{amqp}/%2F"


def _rabbitmq_environment(folder: Path, amqp: int, names: int, distribution: int) -> dict[str, str]:
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.local = 127.0.0.1:{amqp}\nlog.file = false\nlog.console = true\n"
        "disk_free_limit.absolute = 1MB\n",
        encoding="utf-8",
    )
    return {
        **os.environ,
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"chronos-{amqp}@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
        # The start script then becomes the server instead of its parent, so its pid is known.
        "RUNNING_UNDER_SYSTEMD": "true",
    }


def _find(name: str, *folders: Path) -> str:
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", ""), "/usr/sbin"])
    program = shutil.which(name, path=path)
    if program is None:
        raise UnavailableError(f"{name} is not installed")
    return program


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for taken in sockets:
            taken.bind(("127.0.0.1", 0))
        return [taken.getsockname()[1] for taken in sockets]


@asynccontextmanager
async def _running(
    words: tuple[str, ...], environment: dict[str, str], port: int, hello: bytes | None
) -> AsyncIterator[None]:
    """Run a program until the block ends; begins when its port answers."""
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *words, stdin=null, stdout=null, stderr=null, env=environment, start_new_session=True
    )
    try:
        await _wait_until_ready(process, words[0], port, hello)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_LIMIT)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _wait_until_ready(
    process: asyncio.subprocess.Process, name: str, port: int, hello: bytes | None
) -> None:
    try:
        async with asyncio.timeout(_START_LIMIT):
            while not await _answers(port, hello):
                if process.returncode is not None:
                    raise UnavailableError(f"{name} ended with code {process.returncode}")
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise UnavailableError(f"{name} was not ready in {_START_LIMIT:.0f} s") from error


async def _answers(port: int, hello: bytes | None) -> bool:
    """Whether a port accepts and, unless `hello` is None, says something after the greeting."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        if hello is None:
            return True
        writer.write(hello)
        return bool(await asyncio.wait_for(reader.read(1), 1))
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
