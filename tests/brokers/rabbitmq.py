"""A RabbitMQ node for the tests, apart from any that the machine itself runs."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

from tests.brokers.certificates import Certificates, Identity
from tests.brokers.process import (
    LOOPBACK,
    Broker,
    BrokerError,
    ServerProcess,
    answers,
    free_ports,
    inherited_environment,
    wait_for,
)
from tests.brokers.provision import find_program, find_rabbitmq

EXTERNAL = "CHRONOS_TEST_RABBITMQ"
_START_LIMIT, _STOP_LIMIT, _CONTROL_LIMIT = 60.0, 20.0, 30.0
_AMQP_HELLO, _AMQP_ANSWER = b"AMQP\0\0\x09\x01", b"\x01"
_NO_MEMORY, _USUAL_MEMORY = "0.0000001", "0.4"


def missing() -> str | None:
    """Say why there can be no RabbitMQ of the tests' own on this machine."""
    lacking = [name for name in ("rabbitmq-server", "rabbitmqctl") if not find_rabbitmq(name)]
    if not find_program("epmd"):
        lacking.append("epmd")
    return f"not installed: {', '.join(lacking)}" if lacking else None


@dataclass(frozen=True)
class RabbitTls:
    """How the node shows who it is, and whether clients have to show a certificate too."""

    ca: Path
    identity: Identity
    clients_too: bool = False

    @classmethod
    def of(cls, certificates: Certificates) -> "RabbitTls":
        return cls(certificates.ca, certificates.server)

    def configuration(self) -> list[str]:
        return [
            f"ssl_options.cacertfile = {self.ca}",
            f"ssl_options.certfile = {self.identity.certificate}",
            f"ssl_options.keyfile = {self.identity.key}",
            f"ssl_options.verify = {'verify_peer' if self.clients_too else 'verify_none'}",
            f"ssl_options.fail_if_no_peer_cert = {str(self.clients_too).lower()}",
        ]


class RabbitServer(Broker):
    """One node, with the user guest and the password guest; with AMQPS when given certificates."""

    def __init__(self, folder: Path, *, tls: RabbitTls | None = None) -> None:
        super().__init__(folder, os.environ.get(EXTERNAL))
        self._tls = tls
        self._epmd: ServerProcess | None = None
        self._ports = _Ports(*free_ports(4))
        self.port: int | None = None if self.external else self._ports.amqp
        self.tls_port = None if self.external or not tls else self._ports.amqps
        self.url = self.external or f"amqp://guest:guest@{LOOPBACK}:{self.port}/%2F"
        self.tls_url = (
            f"amqps://guest:guest@{LOOPBACK}:{self.tls_port}/%2F" if self.tls_port else None
        )

    def stop(self) -> None:
        """End the node, and with it the port mapper, which Erlang would leave behind for ever."""
        if self._process:
            self._process.stop(_STOP_LIMIT)
        if self._epmd:
            self._epmd.stop()

    def alarm(self) -> None:
        """Raise the memory alarm: connections that publish are blocked from now on."""
        self._set_memory(_NO_MEMORY, "resource limit alarm set on node")

    def clear_alarm(self) -> None:
        self._set_memory(_USUAL_MEMORY, "resource limit alarm cleared on node")

    def close_connections(self) -> None:
        """Have the node close every client's connection, as an operator would."""
        self.control("close_all_connections", "closed by the tests")

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl against this node (about a second) and return what it prints."""
        program = find_rabbitmq("rabbitmqctl")
        if self.external or not program:
            raise BrokerError(missing() or f"{EXTERNAL} is not ours to control")
        done = subprocess.run(
            [program, "--quiet", *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=_CONTROL_LIMIT,
            check=False,
        )
        if done.returncode:
            raise BrokerError(f"rabbitmqctl {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout

    def _set_memory(self, watermark: str, told: str) -> None:
        """Move the limit, and wait for the log to tell that the node has taken note of it."""
        before = self.process.log_text().count(told)
        self.control("set_vm_memory_high_watermark", watermark)
        wait_for(
            lambda: self.process.log_text().count(told) > before,
            f"RabbitMQ does not log '{told}'",
            _CONTROL_LIMIT,
            lambda: None,
        )

    def _launch(self) -> ServerProcess:
        server, epmd = find_rabbitmq("rabbitmq-server"), find_program("epmd")
        if self.external or not server or not epmd:
            raise BrokerError(missing() or f"{EXTERNAL} is not ours to start")
        for name in ("home", "data"):
            (self.folder / name).mkdir(exist_ok=True)
        if not self._scripts.exists():
            _copy_without_plugins(server.resolve().parent, self._scripts)
        self._configuration_file.write_text(self._configuration(), encoding="utf-8")
        environment = self._environment()
        # Started here rather than by Erlang, so that its pid is known and it can be ended.
        self._epmd = ServerProcess([epmd], self.folder / "epmd.log", environment)
        self._epmd.wait_ready(lambda: answers(self._ports.epmd), _START_LIMIT)
        try:
            process = ServerProcess([server], self.folder / "rabbitmq.log", environment)
            process.wait_ready(self._is_ready, _START_LIMIT)
        except BaseException:
            self._epmd.stop()
            raise
        return process

    def _is_ready(self) -> bool:
        return answers(self._ports.amqp, _AMQP_HELLO, _AMQP_ANSWER) and (
            not self.tls_port or answers(self.tls_port)
        )

    @property
    def _scripts(self) -> Path:
        return self.folder / "server" / "sbin"

    @property
    def _configuration_file(self) -> Path:
        return self.folder / "rabbitmq.conf"

    def _configuration(self) -> str:
        lines = [
            f"listeners.tcp.local = {LOOPBACK}:{self._ports.amqp}",
            "log.file = false",
            "log.console = true",
            "log.console.level = info",
            # A full disk of the machine is not what these tests are about.
            "disk_free_limit.absolute = 1MB",
        ]
        if self._tls:
            lines.append(f"listeners.ssl.local = {LOOPBACK}:{self._ports.amqps}")
            lines += self._tls.configuration()
        return "\n".join(lines) + "\n"

    def _environment(self) -> dict[str, str]:
        """Tell the node and rabbitmqctl alike where everything is: nothing is the machine's own."""
        return {
            **inherited_environment("RABBITMQ_", "ERL_", "NOTIFY_SOCKET"),
            "HOME": str(self.folder / "home"),
            "ERL_EPMD_PORT": str(self._ports.epmd),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RABBITMQ_NODENAME": f"chronos-{self._ports.amqp}@localhost",
            "RABBITMQ_DIST_PORT": str(self._ports.distribution),
            "RABBITMQ_SCRIPTS_DIR": str(self._scripts),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none.conf"),
            "RABBITMQ_CONFIG_FILE": str(self._configuration_file),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "none.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_PID_FILE": str(self.folder / "rabbitmq.pid"),
            # Makes the start script become the Erlang machine, rather than its parent: so the pid
            # that we know is the one to pause and to kill.
            "RUNNING_UNDER_SYSTEMD": "true",
        }


def _copy_without_plugins(scripts: Path, target: Path) -> None:
    """Lay out an installation that refers to the real one, but for the plugins that are not used.

    Erlang looks for every module in the folders of all plugins, one after the other: without them
    the node starts in half the time.
    """
    copytree(scripts, target)
    (target.parent / "plugins").mkdir()
    for part in (scripts.parent / "plugins").iterdir():
        if part.name.startswith("rabbitmq_prelaunch") or not part.name.startswith("rabbitmq_"):
            (target.parent / "plugins" / part.name).symlink_to(part)
    (target.parent / "escript").symlink_to(scripts.parent / "escript")


@dataclass(frozen=True)
class _Ports:
    amqp: int
    amqps: int
    epmd: int
    distribution: int
