import signal

import pytest

from chronos_cli.cli.exit_codes import exit_code
from chronos_cli.dispatch.outcome import Status

OK, SKIP, NO, FAR, LATE, CUT = (
    Status.SUCCEEDED,
    Status.SKIPPED,
    Status.REJECTED,
    Status.UNREACHABLE,
    Status.TIMED_OUT,
    Status.INTERRUPTED,
)


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([OK], 0),
        ([SKIP], 0),
        ([OK, SKIP], 0),
        ([NO], 4),
        ([FAR], 5),
        ([LATE], 6),
        ([NO, LATE, FAR], 4),
        ([LATE, FAR], 6),
        ([NO, SKIP], 4),
        ([OK, FAR], 7),
        ([OK, NO, SKIP], 7),
    ],
)
def test_codes(statuses: list[Status], code: int) -> None:
    assert exit_code(statuses) == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_outweighs_the_rest(number: int, code: int) -> None:
    assert exit_code([OK, NO, CUT], number) == code


def test_a_signal_after_everything_ended_changes_nothing() -> None:
    assert exit_code([OK], signal.SIGINT) == 0
