"""Measure the whole table: python -m tests.benchmarks [--quick] [--only ROW].

A whole run is written under `docs/`. The exit code is 1 when a row that held in the committed
table no longer does, or when a measurement went wrong.
"""

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.benchmarks import report
from tests.benchmarks.bench import Bench
from tests.benchmarks.peers import Peers
from tests.benchmarks.plot import plot
from tests.benchmarks.run import measured
from tests.benchmarks.table import ROWS, Result, regressions


def main() -> int:
    """Measure, print, write; return the exit code."""
    options = _options()
    results = _measure(options)
    table = report.document(results)
    before = report.committed()
    if options.only or options.quick:
        _say("\nnothing is written: that was not the whole table")
    else:
        report.JSON.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
        report.PLOT.write_text(plot(table))
        report.write_page(report.PAGE, table)
        _say(f"\nwritten: {report.JSON}, {report.PLOT}, {report.PAGE}")
    return verdict(results, {} if options.quick else before)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    names = [row.name for row in ROWS]
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, unjudged")
    parser.add_argument("--only", action="append", default=[], choices=names, metavar="ROW")
    parser.add_argument("--no-install", action="store_true", help="do without missing peers")
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> list[Result]:
    results = []
    with tempfile.TemporaryDirectory(prefix="chronos-bench-") as folder, ExitStack() as running:
        peers = Peers(may_install=not options.no_install)
        bench = Bench(Path(folder), running, peers, quick=options.quick)
        for result in measured(bench, set(options.only)):
            _say(report.terminal(result.document()))
            results.append(result)
    return results


def verdict(results: list[Result], before: dict[str, Any]) -> int:
    """Name what went wrong and what held in an earlier table; return the exit code."""
    lost = regressions(before, results)
    failed = [result.row.name for result in results if result.failed]
    if failed:
        _say(f"went wrong: {', '.join(failed)}")
    if lost:
        _say(f"held before and no longer do: {', '.join(lost)}")
    return 1 if failed or lost else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
