"""The table judges as it should, and its rows measure what they say."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.benchmarks import report
from tests.benchmarks.__main__ import verdict
from tests.benchmarks.bench import Bench, Measurement
from tests.benchmarks.fanout import rate
from tests.benchmarks.far import check_count
from tests.benchmarks.measure import FailureError, Figure, UnavailableError, interleaved, run
from tests.benchmarks.peers import Peers
from tests.benchmarks.plot import plot
from tests.benchmarks.run import MEASUREMENTS, measured, results_of
from tests.benchmarks.table import ROWS, Result, Row, regressions
from tests.support import ROOT

ROW = Row("one", "`chronos`", "a script", 2.0)
RATE = Row("rate", "jobs a second", "a script", 0.5, "at least")
NOTE = Row("note", "`chronos`", "curl", None)


def result(row: Row, value: float) -> Result:
    return Result(row, Figure.of([value]))


def table(*results: Result) -> dict[str, object]:
    return report.document(results)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as running:
        peers = Peers(tmp_path / "cache", may_install=False)
        yield Bench(tmp_path, running, peers, quick=True)


# What is judged


@pytest.mark.parametrize(
    ("row", "value", "holds"),
    [
        (ROW, 2.0, True),
        (ROW, 2.01, False),
        (RATE, 0.5, True),
        (RATE, 0.49, False),
        (NOTE, 99.0, None),
    ],
)
def test_a_row_holds_when_it_reaches_its_target(row: Row, value: float, holds: bool | None) -> None:
    assert result(row, value).holds is holds


def test_a_row_that_held_and_no_longer_does_ends_non_zero(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = table(result(ROW, 1.5), result(RATE, 0.9), result(NOTE, 1))
    assert verdict([result(ROW, 1.9), result(RATE, 0.6)], before) == 0
    assert verdict([result(ROW, 1.9), result(RATE, 0.4), result(NOTE, 9)], before) == 1
    assert capsys.readouterr().out == "held before and no longer do: rate\n"


def test_a_row_that_never_held_is_no_loss() -> None:
    missed = [result(ROW, 2.5)]
    assert regressions(table(*missed), missed) == []
    assert regressions({}, missed) == []


def test_a_blank_is_a_loss_only_when_the_measurement_went_wrong() -> None:
    before = table(result(ROW, 1.5))
    assert verdict([Result(ROW, reason="no such peer")], before) == 0
    assert regressions(before, [Result(ROW, reason="9 of 10 arrived", failed=True)]) == ["one"]
    assert verdict([Result(ROW, reason="9 of 10 arrived", failed=True)], {}) == 1


def test_what_held_before_is_what_is_committed(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *author, *arguments], cwd=tmp_path, check=True, capture_output=True)

    file = tmp_path / "docs" / "benchmarks.json"
    assert report.committed(tmp_path) == {}
    file.parent.mkdir()
    file.write_text('{"rows": [1]}')
    assert report.committed(tmp_path) == {"rows": [1]}
    git("init")
    assert report.committed(tmp_path) == {}
    git("add", ".")
    git("commit", "-m", "a")
    file.write_text('{"rows": [2]}')
    assert report.committed(tmp_path) == {"rows": [1]}


# How a figure comes about


def test_ways_take_turns_and_ratios_are_made_turn_by_turn() -> None:
    turns: list[str] = []

    def way(name: str, *values: float) -> "Iterator[float]":
        for value in values:
            turns.append(name)
            yield value

    ours, theirs = way("a", 10, 40, 90), way("b", 10, 20, 30)
    samples = interleaved(3, ours.__next__, theirs.__next__)
    assert turns == ["a", "b", "b", "a", "a", "b"]
    figure = Figure.ratio(samples)
    assert (figure.value, figure.low, figure.high) == (2, 1.5, 2.5)
    assert (figure.ours, figure.theirs, figure.runs) == (40, 20, 3)


def test_a_process_that_fails_has_no_time() -> None:
    assert run([sys.executable, "-c", "print(1)"]).out == "1\n"
    with pytest.raises(FailureError, match="ended with 3: gone"):
        run([sys.executable, "-c", "import sys; print('gone', file=sys.stderr); sys.exit(3)"])
    with pytest.raises(FailureError, match="ended with -9"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], limit=0.2)


def test_the_first_messages_are_not_in_a_rate() -> None:
    """Ten at once, in step: 100 messages take 10 rounds of a second, the first one is slow."""
    accepted = [5.0 + number for number in range(10) for _ in range(10)]
    assert rate(accepted, 10) == 10
    assert rate(accepted[:20], 10) == 10
    assert rate([3.0, 1.0], 100) == 0.5


def test_what_did_not_arrive_is_not_measured() -> None:
    check_count(10, 10)
    for arrived in (9, 11):
        with pytest.raises(FailureError):
            check_count(arrived, 10)


def test_a_row_without_a_figure_has_its_reason(bench: Bench) -> None:
    def outcome(error: Exception) -> Result:
        def take(_: Bench) -> list[Figure]:
            raise error

        (found,) = results_of(bench, Measurement(("one",), take), [ROW])
        return found

    absent = outcome(UnavailableError("no Go here"))
    assert (absent.figure, absent.reason, absent.failed) == (None, "no Go here", False)
    wrong = outcome(FailureError("9 of 10"))
    assert (wrong.figure, wrong.reason, wrong.failed) == (None, "9 of 10", True)


# The rows


def test_every_row_is_measured_once_and_in_the_order_of_the_table() -> None:
    measured_rows = [name for measurement in MEASUREMENTS for name in measurement.rows]
    assert measured_rows == [row.name for row in ROWS]


def test_cheap_rows_give_a_number_or_a_reason(bench: Bench) -> None:
    numbers = {"start-version", "start-http", "job-own", "read-validate"}
    blanks = {"start-httpie", "start-check-jsonschema", "fanout-http"}  # nothing is installed here
    found = {result.row.name: result for result in measured(bench, numbers | blanks)}
    assert set(found) == numbers | blanks
    for name in numbers:
        figure = found[name].figure
        assert figure, found[name].reason
        assert all(map(math.isfinite, (figure.value, figure.low, figure.high)))
    for name in blanks:
        assert found[name].figure is None
        assert "not installed" in found[name].reason
        assert not found[name].failed


def test_the_command_prints_a_row_and_writes_no_part_of_a_table() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "start-version"]
    shown = run(command, cwd=ROOT).out
    assert shown.startswith("start-version ")
    assert "nothing is written" in shown


# The documents


def test_the_page_shows_every_row_between_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n\n<!-- bench -->\nold\n<!-- end -->\n\nB\n")
    blank = Result(NOTE, reason="no | here")
    report.write_page(page, table(result(ROW, 1.5), result(RATE, 0.4), blank))
    text = page.read_text()
    assert text.startswith("# A\n\n<!-- bench -->\n![")
    assert text.endswith("|\n<!-- end -->\n\nB\n")
    assert "old" not in text
    assert "| `chronos` | a script | 1.50x | 1.50 to 1.50 | ≤ 2.00x | yes |" in text
    assert "| jobs a second | a script | 0.40x | 0.40 to 0.40 | ≥ 0.50x | **no** |" in text
    assert "| `chronos` | curl | not measured: no \\| here | |  | |" in text


def test_the_plot_is_well_formed_and_shows_every_row_with_a_target() -> None:
    blank = Result(Row("b", "a < b & c", "", 1.0), reason="none")
    text = plot(table(result(ROW, 1.5), result(RATE, 0.0), result(NOTE, 3), blank))
    tree = ElementTree.fromstring(text)
    shapes = [part.get("class") for part in tree.iter("{http://www.w3.org/2000/svg}rect")]
    assert shapes == ["held", "missed"]
    words = [part.text for part in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert {"chronos / a script", "1.50x (≤ 2.00x)", "a < b & c", "not measured"} <= set(words)


def test_the_documents_are_those_of_one_run() -> None:
    """`make bench` writes them."""
    shown = report.PAGE.read_text().split("<!-- bench -->\n")[1].split("<!-- end -->")[0]
    if not report.JSON.exists():
        assert not shown
        assert not report.PLOT.exists()
        return
    kept = json.loads(report.JSON.read_text())
    assert shown == report.markdown(kept)
    assert report.PLOT.read_text() == plot(kept)
    assert [row["name"] for row in kept["rows"]] == [row.name for row in ROWS]
