"""One cluster for the tests that break nothing of it; each has a group of its own."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.cluster.servers import Nodes


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with Nodes(tmp_path_factory.mktemp("nodes")).running() as running:
        running.ask("INFO")
        yield running


@pytest.fixture
def group() -> str:
    return uuid4().hex[:8]
