"""W3C Trace Context: what of the environment is continued."""

import pytest

from chronos_cli.dispatch.trace import Trace

ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def traced(parent: str, state: str = "") -> Trace:
    return Trace.from_environment({"TRACEPARENT": parent, "TRACESTATE": state})


@pytest.mark.parametrize(
    "parent",
    [
        "",
        f"ff-{ID}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{ID}-{'0' * 16}-01",
        f"00-{ID.upper()}-{PARENT}-01",
        f"00-{ID}-{PARENT}-01-more",
        f"00-{ID}-{PARENT}",
        f"00-{ID}-{PARENT}-01\n",
    ],
)
def test_what_is_invalid_is_not_continued(parent: str) -> None:
    trace = traced(parent, "a=b")
    assert trace.trace_id != ID
    assert trace.state is None


@pytest.mark.parametrize(("flags", "passed"), [("00", "00"), ("01", "01"), ("ff", "03")])
def test_what_is_valid_is_continued_with_the_flags_that_mean_something(
    flags: str, passed: str
) -> None:
    headers = traced(f"00-{ID}-{PARENT}-{flags}").attempt().headers()
    version, identity, parent, own = headers["traceparent"].split("-")
    assert (version, identity, own) == ("00", ID, passed)
    assert parent != PARENT
    assert "tracestate" not in headers
    assert traced(f"cc-{ID}-{PARENT}-01-what-comes-later").trace_id == ID


@pytest.mark.parametrize(
    ("state", "is_valid"),
    [
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", True),
        ("vendor=a b", True),
        ("fw529a3039@dt=FfAmt1ULgqBEHAAA , \tb=c", True),
        ("a=1,,b=2", True),
        ("not valid state ===,,,", False),
        ("Upper=1", False),
        ("a=", False),
        ("a=b=c", False),
        ("a=1\r\nX: y", False),
        ("a=ü", False),
        ("a=" + "x" * 600, False),
        (",".join(f"k{n}=1" for n in range(33)), False),
    ],
)
def test_a_state_that_is_invalid_is_left_out(state: str, is_valid: bool) -> None:
    assert (traced(f"00-{ID}-{PARENT}-01", state).state == state) == is_valid
