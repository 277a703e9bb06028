"""Why a client of librdkafka cannot be made."""

import re

from chronos_cli.errors import (
    DispatchError,
    RejectedError,
    UnreachableError,
    UnreadableFileError,
)
from chronos_cli.files import check_readable

_WORDS = "the Kafka client cannot be set up"
_TLS_FILE = r"ssl\.[a-z.]*location"


def check_files(configuration: dict[str, str]) -> None:
    """Refuse what is named as a file and is none: librdkafka would wait for it.

    Raises RejectedError.
    """
    for name, path in configuration.items():
        if name.startswith("ssl.") and re.fullmatch(_TLS_FILE, name):
            try:
                check_readable(path)
            except UnreadableFileError as error:
                message = f"{_WORDS}: {error}; file {path}"
                brokers = configuration["bootstrap.servers"]
                raise RejectedError(f"{message} ({brokers})", code="TLS") from error


def setup_failure(error: Exception, configuration: dict[str, str]) -> DispatchError:
    """Return what it means that the client cannot be made."""
    from confluent_kafka import KafkaException

    if isinstance(error, OSError | MemoryError | RuntimeError):
        return UnreachableError(f"{_WORDS}: {error}")
    text = str(error)
    if isinstance(error, KafkaException):
        text = error.args[0].str()
    code = "CONFIGURATION"
    if file := re.search(_TLS_FILE, text):
        code, text = "TLS", f"{text}; file {configuration.get(file[0])}"
    return RejectedError(f"{_WORDS}: {text} ({configuration['bootstrap.servers']})", code=code)
