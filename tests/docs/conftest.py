"""The far side of the pages."""

from collections.abc import Iterator

import pytest

from tests.docs.stage import Receiver, receiving


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running
