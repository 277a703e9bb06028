"""The far side of the pages, and the folder where they are tried."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.stage import Receiver, Stage, receiving


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def stage(tmp_path: Path, receiver: Receiver, capfd: pytest.CaptureFixture[str]) -> Stage:
    """An empty folder, and a receiver that has seen nothing."""
    receiver.seen.clear()
    return Stage(tmp_path, receiver, capfd)
