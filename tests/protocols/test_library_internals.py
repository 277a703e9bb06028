"""The private names of client libraries that we rely on: an upgrade that changes one fails here.

The names are read out of our own code, so that none is forgotten.
"""

import ast
import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio import client as nats_client
from nats.aio.transport import TcpTransport
from pika import connection as pika_connection

from chronos_cli.protocols.nats.client import Client, Transport
from chronos_cli.protocols.rabbitmq.adapter import AsyncioAdapter
from chronos_cli.protocols.rabbitmq.address import Address, Login

# Private names in the two modules that are our own.
_OWN = {"_asked", "_socket", "_wants_tls", "_on_lost", "_adapter"}


def private_names(module: Any) -> set[str]:
    """Every private attribute that a module's classes use, and every private method of theirs."""
    names = set()
    for kind in ast.walk(ast.parse(Path(inspect.getfile(module)).read_text())):
        if not isinstance(kind, ast.ClassDef):
            continue
        for node in ast.walk(kind):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
    return {name for name in names if name.startswith("_") and not name.startswith("__")} - _OWN


def overridden(kind: type, base: type) -> Iterator[str]:
    """The library's own private methods that a class of ours replaces."""
    for name, value in vars(kind).items():
        is_private = name.startswith("_") and not name.startswith(("__", "_abc"))
        if is_private and inspect.isfunction(value) and hasattr(base, name):
            yield name


NATS_NAMES = sorted(private_names(Client))
PIKA_NAMES = sorted(private_names(AsyncioAdapter))
OVERRIDDEN = [
    (kind, base, name)
    for kind, base in (
        (Client, nats_client.Client),
        (Transport, TcpTransport),
        (AsyncioAdapter, pika_connection.Connection),
    )
    for name in sorted(overridden(kind, base))
]


def test_the_names_are_found() -> None:
    assert {"_read_loop", "_pending", "_io_writer", "_server_pool"} <= set(NATS_NAMES)
    assert {"_adapter_emit_data", "_terminate_stream", "_error"} <= set(PIKA_NAMES)
    names = {name for _, _, name in OVERRIDDEN}
    assert {"_close", "_process_info", "_select_next_server", "_adapter_call_later"} <= names


@pytest.mark.parametrize("name", NATS_NAMES)
def test_nats_has_the_name(name: str) -> None:
    make_transport: Any = TcpTransport
    assert hasattr(nats_client.Client(), name) or hasattr(make_transport(), name)


@pytest.mark.parametrize("name", PIKA_NAMES)
def test_pika_has_the_name(name: str) -> None:
    async def made() -> AsyncioAdapter:
        login = Login(username="u", password="p", vhost="/", heartbeat=None, tls=None)
        return AsyncioAdapter(login, Address("127.0.0.1", 1))

    adapter = asyncio.run(made())
    in_instance = name in vars(adapter) and not name.startswith("_adapter")
    assert in_instance or hasattr(pika_connection.Connection, name)


@pytest.mark.parametrize(
    ("kind", "base", "name"), OVERRIDDEN, ids=lambda each: getattr(each, "__name__", each)
)
def test_what_is_overridden_has_the_same_parameters(kind: type, base: type, name: str) -> None:
    ours = list(inspect.signature(getattr(kind, name)).parameters.values())
    theirs = list(inspect.signature(getattr(base, name)).parameters.values())
    assert [(each.name, each.kind) for each in ours] == [(each.name, each.kind) for each in theirs]
    assert inspect.iscoroutinefunction(getattr(kind, name)) == inspect.iscoroutinefunction(
        getattr(base, name)
    )


@pytest.mark.parametrize(
    ("kind", "base", "name"), OVERRIDDEN, ids=lambda each: getattr(each, "__name__", each)
)
def test_what_is_overridden_is_still_called(kind: type, base: type, name: str) -> None:
    is_called = f"self.{name}(" in inspect.getsource(inspect.getmodule(base) or base)
    assert is_called or name in getattr(base, "__abstractmethods__", ())


@pytest.mark.parametrize(
    "option",
    "allow_reconnect max_reconnect_attempts reconnect_time_wait pending_size flusher_queue_size "
    "connect_timeout tls tls_hostname error_cb user_credentials nkeys_seed_str token".split(),
)
def test_nats_has_the_option(option: str) -> None:
    assert option in inspect.signature(nats_client.Client.connect).parameters


def test_pika_lets_its_own_workflow_be_left_out() -> None:
    parameters = inspect.signature(pika_connection.Connection.__init__).parameters
    assert "internal_connection_workflow" in parameters
