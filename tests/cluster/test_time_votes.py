"""What time it is for a group: pure functions of what its hosts measured."""

import pytest

from chronos_cli.cluster.members import agreed_offset


@pytest.mark.parametrize(
    ("offsets", "agreed"),
    [
        # A host alone is never earlier than the server; later it may be.
        ([-300.0], 0.0),
        ([300.0], 300.0),
        # With two hosts the server's clock has a vote.
        ([-300.0, 0.5], 0.0),
        ([-300.0, -300.0], -300.0),
        ([-300.0, 299.0], 0.0),
        # With three it has none, even if it is the one that is wrong.
        ([-300.0, -300.0, 0.0], -300.0),
        ([-300.0, 0.1, 299.0], 0.1),
    ],
)
def test_the_median_of_the_hosts_is_the_time(offsets: list[float], agreed: float) -> None:
    assert agreed_offset(offsets) == agreed
