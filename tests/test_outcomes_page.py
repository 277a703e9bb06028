"""Every code that an outcome may carry stands on the page of outcomes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from chronos_cli.dispatch.outcome import Status
from chronos_cli.protocols.nats import errors as nats_errors

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/outcomes.md").read_text()
# The first column of each table of codes.
ROWS = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
LISTED = {code for row in ROWS for code in re.findall(r"`([^`]+)`", row)}


def codes_in(path: Path) -> Iterator[str]:
    """The codes that a module gives an outcome, as far as they are constants."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.keyword) and node.arg == "code"):
            continue
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def own_codes() -> set[str]:
    found = {code for path in (ROOT / "chronos_cli").rglob("*.py") for code in codes_in(path)}
    tables = [*nats_errors._REJECTED.values(), *nats_errors._UNREACHABLE.values()]
    found |= {code for code in tables if code}
    found |= {code for _, _, code in nats_errors._SAID}
    # Numbers are the far side's own, told of as families; so is what begins with "_" in Kafka.
    return {code for code in found if not code.isdigit() and not code.startswith("_")}


def test_every_code_is_told() -> None:
    assert own_codes() - LISTED == set()


def test_no_code_is_told_that_is_none() -> None:
    plain = {code for code in LISTED if re.fullmatch(r"[A-Z_0-9]+", code) and not code.isdigit()}
    in_code = "\n".join(path.read_text() for path in (ROOT / "chronos_cli").rglob("*.py"))
    assert {code for code in plain if code not in in_code} == set()


def test_every_status_is_told() -> None:
    for status in Status:
        assert f"`{status.value}`" in PAGE
