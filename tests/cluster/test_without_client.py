"""Without the client library `--cluster` says in one line how to install it."""

import pytest

from chronos_cli.cluster.options import connection_of
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import StateError
from chronos_cli.jobs.config import Cluster


def test_a_missing_client_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "missing_client", lambda *_: "install it with: pip install x")
    with pytest.raises(StateError, match=r"^--cluster: install it with: pip install x$"):
        connection_of("nats://127.0.0.1", Cluster())
