"""A first question to each broker, before librdkafka is given its address.

librdkafka trusts what answers it: a reply of zeros to its first request ends the whole process.
So we ask first. That also bounds the wait for a name server, and tells what a port speaks instead.
"""

import asyncio
import time
from typing import TYPE_CHECKING, NoReturn

from chronos_cli.errors import DispatchError, UnreachableError
from chronos_cli.protocols.dial import dial
from chronos_cli.protocols.kafka.api_versions import (
    LENGTH,
    REQUEST,
    check_answer,
    length_of_answer,
)
from chronos_cli.protocols.kafka.broker_errors import PATIENCE
from chronos_cli.protocols.lending import end_tasks, look_at
from chronos_cli.protocols.network import from_cause
from chronos_cli.protocols.tls import tls_failure

if TYPE_CHECKING:
    import ssl

# Seconds between the tries, while a broker refuses or hangs up.
_PAUSE = 0.05
_DEFAULT_PORT = "9092"

_WANTS_TLS = "the far side closed the connection without an answer; does this port want TLS?"
_WANTS_PLAINTEXT = "the far side ended the TLS handshake; is this a port of PLAINTEXT?"


class _UnclearError(Exception):
    """TLS failed. librdkafka checks what we do not, and says why."""


class _PassingError(Exception):
    """The broker refuses or hangs up, which may be over soon; `failure` is what it means."""

    def __init__(self, failure: DispatchError) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Probe:
    """Asks the brokers of a configuration of librdkafka.

    `last_failure` is what was wrong with the one that failed last: for who ran out of time.
    """

    def __init__(self, configuration: dict[str, str]) -> None:
        self._configuration = configuration
        self._brokers = configuration["bootstrap.servers"].split(",")
        self.last_failure: DispatchError | None = None

    async def answering(self) -> list[str]:
        """Return brokers that answer as Kafka does, as soon as there is one.

        Where there is none, those whose TLS failed are returned. Raises UnreachableError when
        none of either is left.
        """
        context = self._context()
        asked = {
            asyncio.create_task(self._ask_patiently(broker, context)): broker
            for broker in self._brokers
        }
        pending = set(asked)
        for task in asked:
            task.add_done_callback(look_at)
        try:
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                if good := [asked[task] for task in done if task.exception() is None]:
                    return good
        finally:
            await end_tasks(pending)
        failures = [(broker, task.exception()) for task, broker in asked.items()]
        unclear = [broker for broker, error in failures if isinstance(error, _UnclearError)]
        return unclear or _raise([error for _, error in failures])

    def _context(self) -> "ssl.SSLContext | None":
        """Return what makes TLS for our question, without trust: librdkafka verifies."""
        if not self._configuration["security.protocol"].endswith("SSL"):
            return None
        import ssl
        from contextlib import suppress

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        certificate = self._configuration.get("ssl.certificate.location")
        if certificate is not None:
            key = self._configuration.get("ssl.key.location")
            password = self._configuration.get("ssl.key.password", "")
            # librdkafka says what is wrong with it.
            with suppress(OSError):
                context.load_cert_chain(certificate, key, password)
        return context

    async def _ask_patiently(self, broker: str, context: "ssl.SSLContext | None") -> None:
        end = time.monotonic() + PATIENCE
        while True:
            if self.last_failure is None:
                self.last_failure = _silence(broker, is_tls=context is not None)
            try:
                return await _ask(broker, context)
            except _PassingError as error:
                self.last_failure = error.failure
                if time.monotonic() >= end:
                    raise error.failure from error
            except DispatchError as error:
                self.last_failure = error
                raise
            await asyncio.sleep(_PAUSE)


async def _ask(broker: str, context: "ssl.SSLContext | None") -> None:
    """Ask one broker once; raises UnreachableError, _PassingError or _UnclearError."""
    host, port = host_and_port(broker)
    try:
        connected = await dial(host, port)
    except OSError as error:
        failure = from_cause(error, broker)
        raise failure if failure.code == "DNS" else _PassingError(failure) from error
    name = None if context is None else host
    try:
        reader, writer = await asyncio.open_connection(
            sock=connected, ssl=context, server_hostname=name
        )
    except (OSError, ValueError) as error:
        connected.close()
        if isinstance(error, ValueError) or tls_failure(error):
            raise _UnclearError from error
        words = _WANTS_PLAINTEXT if context else _WANTS_TLS
        raise _PassingError(UnreachableError(f"{words} ({broker})")) from error
    try:
        await _talk(reader, writer, broker)
    except (OSError, asyncio.IncompleteReadError) as error:
        # A broker that refuses our certificate may end the connection only now (TLS 1.3).
        if context is not None:
            raise _UnclearError from error
        raise _PassingError(UnreachableError(f"{_WANTS_TLS} ({broker})")) from error
    finally:
        writer.transport.abort()


def _silence(broker: str, *, is_tls: bool) -> UnreachableError:
    kind = "with" if is_tls else "without"
    words = f"no answer to the first question; is this a port of Kafka {kind} TLS?"
    return UnreachableError(f"{words} ({broker})")


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, broker: str) -> None:
    writer.write(REQUEST)
    beginning = await reader.readexactly(LENGTH)
    check_answer(await reader.readexactly(length_of_answer(beginning, broker)), broker)


def host_and_port(broker: str) -> tuple[str, int]:
    """Return the two halves of a broker's address."""
    host, separator, port = broker.rpartition(":")
    if not separator or port.endswith("]"):
        host, port = broker, _DEFAULT_PORT
    return host.strip("[]"), int(port)


def _raise(errors: list[BaseException | None]) -> NoReturn:
    """Raise what is wrong with all brokers, each reason once."""
    failures = []
    for error in errors:
        if not isinstance(error, DispatchError):
            raise error or AssertionError("a broker that answers is no failure")
        failures.append(error)
    messages = "; ".join(dict.fromkeys(failure.message for failure in failures))
    raise failures[0].with_message(messages)
