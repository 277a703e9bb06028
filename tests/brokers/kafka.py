"""A Kafka broker for the tests: one process that is its own controller."""

import os
import socket
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from tests.brokers.certificates import Certificates, Identity
from tests.brokers.process import (
    LOOPBACK,
    Broker,
    BrokerError,
    ServerProcess,
    answers,
    free_ports,
    inherited_environment,
)
from tests.brokers.provision import find_java, have_jars, jars_folder

EXTERNAL = "CHRONOS_TEST_KAFKA"
USER, LIMITED_USER, PASSWORD = "chronos", "limited", "s3cret-word"
_SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
_START_LIMIT, _STOP_LIMIT, _FORMAT_LIMIT = 60.0, 10.0, 60.0
_TOPIC_LIMIT = 20.0
_LISTENERS = ("PLAINTEXT", "SSL", "MUTUAL", "WRONGHOST", "SASL_SSL", "CONTROLLER")
_SECURITY = {"CONTROLLER": "PLAINTEXT", "MUTUAL": "SSL", "WRONGHOST": "SSL"}
# Listeners that are advertised at ports of proxies, as many of each as proxies at the same time.
_PROXIED, _PROXIES = ("PLAINTEXT", "SSL", "SASL_SSL"), 8
# A start is short, so it gains more from a quick compiler than from good code.
_JVM = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Xshare:auto",
)


def missing() -> str | None:
    """Say why there can be no Kafka of the tests' own on this machine."""
    if not find_java():
        return "there is no Java 17 or newer"
    return None if have_jars() else f"Kafka's jars are not in {jars_folder()}"


class KafkaBroker(Broker):
    """One broker; the addresses other than `plaintext` are None when it is not ours.

    With a certificate or without, over TLS or not, everybody may do everything, except the user
    `limited`, who can log in and has no right to any topic.
    """

    def __init__(
        self, folder: Path, certificates: Certificates, *, password: str = PASSWORD
    ) -> None:
        super().__init__(folder, os.environ.get(EXTERNAL))
        self.user, self.limited_user, self.password = USER, LIMITED_USER, password
        self.certificates = certificates
        self.cluster_id = _cluster_id()
        proxied = [f"PROXIED_{kind}_{n}" for kind in _PROXIED for n in range(_PROXIES)]
        names = (*_LISTENERS, *proxied)
        self._ports = dict(zip(names, free_ports(len(names)), strict=True))
        # Open all the time, or another broker would take a port while no proxy is there.
        self._proxies = {name: socket.create_server((LOOPBACK, 0)) for name in proxied}
        self.plaintext = self.external or f"{LOOPBACK}:{self._ports['PLAINTEXT']}"
        self.ssl = self._address("SSL")
        self.mutual_ssl = self._address("MUTUAL")
        self.wrong_host_ssl = self._address("WRONGHOST")
        self.sasl_ssl = self._address("SASL_SSL")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        for proxy in self._proxies.values():
            proxy.close()

    def proxied(self, address: str) -> list[tuple[int, socket.socket]]:
        """Return ports of listeners that are like the one at an address, but for what they tell.

        Clients are told the port of the socket, where a proxy has to accept.
        """
        return [
            (self._ports[name], proxy)
            for name, proxy in self._proxies.items()
            if self._address(_kind(name)) == address
        ]

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        config: Mapping[str, str] | None = None,
        *,
        replicas: int = 1,
    ) -> None:
        """Create a topic, and return when it can be used."""
        from confluent_kafka.admin import AdminClient
        from confluent_kafka.cimpl import NewTopic

        admin = AdminClient({"bootstrap.servers": self.plaintext, "log_level": 0})
        topic = NewTopic(name, partitions, replication_factor=replicas, config=dict(config or {}))
        for created in admin.create_topics([topic], operation_timeout=_TOPIC_LIMIT).values():
            created.result(_TOPIC_LIMIT)

    def stop(self) -> None:
        """End the broker; by force if it is slow, since nobody wants its data any more."""
        if self._process:
            self._process.stop(_STOP_LIMIT)

    def _address(self, listener: str) -> str | None:
        return None if self.external else f"{LOOPBACK}:{self._ports[listener]}"

    def _launch(self) -> ServerProcess:
        if self.external or (reason := missing()):
            raise BrokerError(f"{EXTERNAL} is not ours to start" if self.external else str(reason))
        properties = self.folder / "server.properties"
        if not properties.exists():
            properties.write_text(self._properties(), encoding="utf-8")
            self._format(properties)
        command = self._java("kafka.Kafka", properties)
        process = ServerProcess(command, self.folder / "kafka.log", inherited_environment("KAFKA_"))
        process.wait_ready(self._is_ready, _START_LIMIT)
        return process

    def _is_ready(self) -> bool:
        """The broker opens its ports only when the controller has let it in."""
        return all(answers(port) for port in self._ports.values())

    def _java(self, main_class: str, *arguments: str | Path) -> list[str | Path]:
        options = [*_JVM, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        java = find_java() or "java"
        return [java, *options, "-cp", f"{jars_folder()}/*", main_class, *arguments]

    def _format(self, properties: Path) -> None:
        """Prepare the data folder; this is also where the first users can be put."""
        users = [
            argument
            for mechanism in _SCRAM
            for user in (self.user, self.limited_user)
            for argument in ("--add-scram", f"{mechanism}=[name={user},password={self.password}]")
        ]
        arguments: list[str | Path] = ["format", "-t", self.cluster_id, "-c", properties, *users]
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", *arguments),
            capture_output=True,
            text=True,
            timeout=_FORMAT_LIMIT,
            check=False,
        )
        if done.returncode:
            raise BrokerError(f"Kafka's storage cannot be prepared: {done.stdout}{done.stderr}")

    def _properties(self) -> str:
        settings = {
            **self._node_settings(),
            **self._tls_settings(),
            **self._login_settings(),
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _node_settings(self) -> dict[str, str]:
        def addresses(ports: Mapping[str, int]) -> str:
            return ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in ports.items())

        advertised = {name: proxy.getsockname()[1] for name, proxy in self._proxies.items()}
        told = {**self._ports, **advertised}
        del told["CONTROLLER"]
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._ports['CONTROLLER']}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": addresses(self._ports),
            "advertised.listeners": addresses(told),
            "listener.security.protocol.map": ",".join(
                f"{name}:{_SECURITY.get(_kind(name), _kind(name))}" for name in self._ports
            ),
            # Of each listener: three of each would be a crowd.
            "num.network.threads": "1",
            # A broker that crashed can come back only when its session is over: 9 s by default.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            "log.dirs": str(self.folder / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
        }

    def _tls_settings(self) -> dict[str, str]:
        server, wrong_host = self.certificates.server, self.certificates.wrong_host
        return {
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.certificates.ca),
            **_keystore("", server),
            **_keystore("listener.name.wronghost.", wrong_host),
            "listener.name.mutual.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^.*$/ANONYMOUS/",
        }

    def _login_settings(self) -> dict[str, str]:
        module = "org.apache.kafka.common.security"
        users = " ".join(f'user_{user}="{self.password}"' for user in (USER, LIMITED_USER))
        scram = f"{module}.scram.ScramLoginModule required;"
        logins = {
            "sasl.enabled.mechanisms": ",".join(("PLAIN", *_SCRAM)),
            "plain.sasl.jaas.config": f"{module}.plain.PlainLoginModule required {users};",
            **{f"{mechanism.lower()}.sasl.jaas.config": scram for mechanism in _SCRAM},
        }
        return {
            **{
                f"listener.name.{name.lower()}.{key}": value
                for name in self._ports
                if _kind(name) == "SASL_SSL"
                for key, value in logins.items()
            },
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:ANONYMOUS;User:{self.user}",
        }


def _kind(listener: str) -> str:
    """Return the name of the listener that this one is like."""
    return listener.removeprefix("PROXIED_").rstrip("_0123456789")


def _keystore(prefix: str, identity: Identity) -> dict[str, str]:
    """A keystore of PEM, so that nothing of Java's own is needed to make one."""
    return {
        f"{prefix}ssl.keystore.type": "PEM",
        f"{prefix}ssl.keystore.location": str(identity.joined),
    }


def _cluster_id() -> str:
    """Make an ID that does not begin with a dash, which would be read as an option."""
    return "k" + urlsafe_b64encode(uuid4().bytes).decode("ascii").rstrip("=")[1:]
