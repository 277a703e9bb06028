"""Every event of the log stands on its page, with its level and its fields, and no other does."""

import ast
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from chronos_cli.cron.events import EventKind, LoopEvent
from chronos_cli.cron.jobset import changes
from chronos_cli.report.events import event_document
from tests.cron.program import Cron
from tests.cron.stage import job
from tests.support import ROOT, write

PAGE = (ROOT / "docs/logs.md").read_text()
Fields = dict[str, set[str]]


def documented() -> dict[str, tuple[str, set[str]]]:
    rows = re.findall(r"^\| `(\w+)` \| ([\w ]+) \| (.*?) \|", PAGE, re.MULTILINE)
    return {name: (level, set(re.findall(r"`(\w+)`", fields))) for name, level, fields in rows}


def emitted() -> Fields:
    """The fields that each event may have, as the calls that tell of it say."""
    found: Fields = defaultdict(set)
    for path in (ROOT / "chronos_cli").rglob("*.py"):
        if path.parent.name != "report":
            for kind, fields in emitted_by(ast.parse(path.read_text())):
                found[kind] |= fields
    return found


def emitted_by(module: ast.Module) -> Iterator[tuple[str, set[str]]]:
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    tells = [call for call in calls if name_of(call) == "tell" and call.args]
    # A method that is handed the kind tells of all that it is called with.
    handed: set[str] = set()
    for call in tells:
        if isinstance(call.args[0], ast.Name) and call.args[0].id == "kind":
            handed |= fields_of(call)
    for call in calls:
        for argument in call.args:
            for kind in kinds_in(argument):
                yield kind, fields_of(call) if name_of(call) == "tell" else handed


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def kinds_in(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*kinds_in(node.body), *kinds_in(node.orelse))
    elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "EventKind":
        yield EventKind[node.attr].value


def fields_of(call: ast.Call) -> set[str]:
    before = {"a": job("a"), "b": job("b")}
    unpacked = changes(before, {"b": job("b", "@daily"), "c": job("c")})
    return {name for one in call.keywords for name in ([one.arg] if one.arg else unpacked)}


def test_every_event_has_its_fields_on_the_page() -> None:
    page = {name: fields for name, (_, fields) in documented().items()}
    kinds = emitted()
    # Only a failure has a message, and it has one alone.
    kinds["notice_sent"] -= {"message"}
    assert page == kinds
    assert page.keys() == {kind.value for kind in EventKind}


def test_the_journal_is_told_how_grave_each_line_is(tmp_path: Path, closed_port: int) -> None:
    more = "retry_policy: {max_attempts: 1}\n"
    target = f"webhook: {{url: 'http://127.0.0.1:{closed_port}'}}\n"
    write(tmp_path, f"name: a\nschedule: '@every 1s'\n{target}{more}")
    (tmp_path / "log.jsonl").touch()
    stat = (tmp_path / "log.jsonl").stat()
    env = {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"}
    with Cron(tmp_path, "job.yaml", env=env) as loop:
        while '"ended"' not in loop.text:
            assert loop.process.poll() is None
            time.sleep(0.02)
        loop.stop()
        lines = loop.text.splitlines()
    told = [(line[:3], json.loads(line[3:])["level"]) for line in lines]
    assert ("<6>", "info") in told
    assert set(told) <= {("<6>", "info"), ("<4>", "warning"), ("<3>", "error")}
    assert ("<3>", "error") in told


def test_every_event_has_its_level_on_the_page() -> None:
    for name, (level, _) in documented().items():
        levels = {
            event_document(LoopEvent(EventKind(name), datetime.now(UTC), fields))["level"]
            for fields in ({"status": "succeeded"}, {"status": "rejected"})
        }
        assert set(level.split(" or ")) == levels, name
