"""Every way out of the program, with every character that could do harm there."""

import importlib
import inspect
import io
import json
import pkgutil
import sys
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace
from rich.console import Console, RenderableType

import chronos_cli.report
from chronos_cli.cluster.locks import Holder
from chronos_cli.cluster.status import ClusterStatus, GroupJob, HostStatus
from chronos_cli.cron.control import Ended, JobStatus, LoopStatus, Started
from chronos_cli.cron.events import EventKind, LoopEvent
from chronos_cli.cron.overview import Ending, Row
from chronos_cli.dispatch.check import Checked
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Attempt, Notice, Outcome, Status
from chronos_cli.dispatch.plugin import Preview
from chronos_cli.dispatch.registry import Registry
from chronos_cli.dispatch.steps import Step, StepStatus
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.explain import Key
from chronos_cli.jobs.files import SourceFile
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import load_jobs
from chronos_cli.problems import Position, Problem
from chronos_cli.receiver.grpc import ReceivedCall
from chronos_cli.receiver.http import ReceivedRequest
from chronos_cli.redact import Redactor
from chronos_cli.report import (
    annotations,
    attempts,
    check_table,
    checks,
    cluster,
    cluster_table,
    control,
    control_table,
    event_words,
    events,
    history,
    history_table,
    jobs,
    jobs_table,
    junit,
    keys,
    live,
    merged,
    missing,
    outcomes,
    preview,
    problems,
    received,
    stats,
    step_summary,
    table,
    timetable,
)
from chronos_cli.report.text import json_text, printable, printable_lines, unpainted
from chronos_cli.state.entries import (
    ALL_JOBS,
    HistoryEntry,
    HistoryStatus,
    JobStats,
    LastEnd,
    Pause,
    Snapshot,
)

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)

# What must never come out as it is. A line end is one of them where a stranger brings it in.
HOSTILE = {
    "NUL": "\x00",
    "BEL": "\x07",
    "backspace": "\x08",
    "line feed": "\n",
    "carriage return": "\r",
    "ESC": "\x1b[31m",
    "DEL": "\x7f",
    "next line": "\x85",
    "CSI": "\x9b31m",
    "OSC": "\x9d0;title\x9c",
    "Arabic letter mark": "\u061c",
    "zero width space": "\u200b",
    "left-to-right mark": "\u200e",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "right-to-left override": "\u202e",
    "word joiner": "\u2060",
    "isolate": "\u2067",
    "byte order mark": "\ufeff",
    "annotation": "\ufff9",
    "no character": "\ufffe",
    "no character of the Arabic block": "\ufdd0",
    "no character of plane 16": "\U0010ffff",
    "tag": "\U000e0041",
    "half of a pair": "\ud83d",
    "byte of a name": "\udcff",
}
FORBIDDEN = {letter for text in HOSTILE.values() for letter in text if not letter.isprintable()}


def notice(text: str) -> Notice:
    return Notice(
        hook="on_failure",
        protocol=text,
        target=text,
        status=Status.REJECTED,
        code=text,
        message=text,
    )


def found(text: str) -> Checked:
    step = Step(name=text, status=StepStatus.REJECTED, message=text, duration_ms=1.0)
    status = Status.REJECTED
    return Checked(job_id=text, protocol=text, target=text, status=status, steps=[step])


def outcome(text: str) -> Outcome:
    attempt = Attempt(
        number=1,
        started_at=NOW.isoformat(),
        duration_ms=1.0,
        status=Status.REJECTED,
        code=text,
        message=text,
    )
    return Outcome(
        job_id=text,
        job_name=text,
        execution_id=text,
        protocol=text,
        target=text,
        scheduled_time=NOW.isoformat(),
        status=Status.REJECTED,
        code=text,
        message=text,
        receipt={text: text},
        attempts=[attempt],
        notices=[notice(text), replace(notice(text), message="")],
    )


def entry(text: str) -> HistoryEntry:
    told = outcome(text)
    return HistoryEntry(
        execution_id=text,
        job_id=text,
        job_name=text,
        origin="run",
        protocol=text,
        target=text,
        scheduled_time=text,
        started_at=NOW,
        ended_at=NOW,
        status=HistoryStatus.REJECTED,
        code=text,
        message=text,
        receipt={text: text},
        attempts=told.attempts,
        notices=told.notices,
        pid=1,
        host=text,
        snapshot=Snapshot(file=text),
    )


def figures(text: str) -> JobStats:
    return JobStats(
        job_id=text,
        executions=3,
        succeeded=2,
        failed=1,
        success_rate=2 / 3,
        p50_ms=1.0,
        p95_ms=2.0,
        last_success=NOW,
        streak=-1,
    )


def problem(text: str) -> Problem:
    return Problem(Position(f"{text}.yaml", 1, 3), text, text, text, f"ab{text}")


def execution(text: str) -> Execution:
    source = SourceFile("job.yaml", b"{name: a, webhook: {url: 'http://h/'}}")
    loaded = load_jobs([source], Config(), Registry(), Sources({}, Redactor()))
    return Execution(text, replace(loaded.jobs[0], id=text), NOW)


def previews(text: str) -> list[preview.JobPreview]:
    shown = Preview(summary=text, headers=[(text, text)], body=f"1{text}2")
    notice = preview.JobPreview(execution(text), text, None, failure=text, hook="on_failure")
    return [
        preview.JobPreview(execution(text), text, shown, notices=[notice]),
        preview.JobPreview(execution(text), text, None, failure=text),
    ]


def request(text: str) -> ReceivedRequest:
    body = text.encode(errors="surrogatepass")
    return ReceivedRequest(method=text, target=text, headers=[(text, text)], body=body)


def call(text: str) -> ReceivedCall:
    return ReceivedCall(method=text, metadata=[(text, text)], request={text: text})


def listing(text: str) -> timetable.Listing:
    times: list[timetable.Time] = [timetable.Fire(NOW), timetable.Excepted(NOW, text)]
    return timetable.Listing(text, (text, text), text, True, text, times)


def missing_tick(text: str) -> missing.MissingTick:
    return missing.MissingTick(text, text, NOW.isoformat(), "missing")


def key(text: str) -> Key:
    inner = Key(f"a.{text}", "job file", text, text, text, text)
    return Key(text, text, text, text, text, text, keys={text: inner})


def one_listed(text: str) -> jobs.Listed:
    (found,) = jobs.listed([execution(text).job])
    schedule = {"schedule": text, "timezone": text, "file": text, "tags": {text: text}}
    return {**found, **schedule, "target": text}


def event(text: str) -> LoopEvent:
    return LoopEvent(
        EventKind.ENDED, NOW, {"job_id": text, "message": f"a {text}", "warnings": [text]}
    )


def told(text: str) -> dict[str, Any]:
    """All fields that events have."""
    names = "job_id message code status policy action hook target url by reason".split()
    texts = dict.fromkeys(names, text)
    times = dict.fromkeys(("next", "last", "until", "at"), NOW.isoformat())
    figures = (
        "jobs_",
        "attempt",
        "max_attempts",
        "attempts",
        "missed",
        "executing",
        "running",
        "passed_over",
    )
    numbers = dict.fromkeys((*figures, "next_in_s", "duration_ms", "by_s", "grace_s"), 1)
    return {**texts, **times, **numbers, "jobs": Names([text]), "problems": [text]}


class Names(list[str]):
    """The number of jobs, or the names of some: as the event has it."""

    def __str__(self) -> str:
        return "2"


def a_pause(text: str) -> Pause:
    return Pause(text, NOW, text, NOW)


def job_status(text: str) -> JobStatus:
    return JobStatus(text, NOW, [text], [text], a_pause(text))


def loop_status(text: str) -> LoopStatus:
    return LoopStatus(1, NOW, "running", {text: a_pause(text)})


def last_end(text: str) -> LastEnd:
    return LastEnd(text, HistoryStatus.REJECTED, text, NOW)


def row(text: str) -> Row:
    return Row(execution(text).job, (NOW,), NOW, Ending(NOW, "rejected", text, 1.0))


def drawn(renderable: RenderableType, width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=False).print(renderable)
    return file.getvalue()


Way = Callable[[str], str]


def group_status(t: str) -> ClusterStatus:
    host = HostStatus(id=t, pid=1, started=t, running=2, seen_s=1.0, is_live=True, skew=0.1)
    return ClusterStatus(
        group=t,
        leader=t,
        hosts=[host],
        waiting=1,
        handed=2,
        idle_s=99.0,
        locks={t: Holder(execution_id=t, ms=1, host=t)},
        marks={t: t},
        pauses={t: a_pause(t), ALL_JOBS: a_pause(t)},
    )


def group_job(t: str) -> GroupJob:
    return GroupJob(t, {t: t}, last_end(t), a_pause(t))


TEXTS: dict[Callable[..., Any], Way] = {
    annotations.github_failure: lambda t: annotations.github_failure(
        t, t, Position(f"{t}.yaml", 1, 3)
    ),
    annotations.github_problem: lambda t: annotations.github_problem(
        problem(t), Position(f"{t}.yaml", 1, 3)
    ),
    attempts.attempt_line: lambda t: attempts.attempt_line(t, outcome(t).attempts[0], 3, 1.0),
    attempts.attempt_words: lambda t: attempts.attempt_words(t, 1, 3, -1.0, t),
    checks.check_rows: lambda t: "".join(
        cell for row in checks.check_rows([found(t)]) for cell in row.cells
    ),
    checks.check_lines: lambda t: checks.check_lines([found(t)]),
    checks.check_failure_line: lambda t: checks.check_failure_line(found(t)),
    cluster.cluster_lines: lambda t: cluster.cluster_lines(group_status(t), {t: {t: t}}),
    cluster.jobs_lines: lambda t: cluster.jobs_lines(group_status(t), [group_job(t)]),
    cluster.head_lines: lambda t: "".join(cluster.head_lines(group_status(t), [group_job(t)])),
    cluster.cells: lambda t: "".join(cluster.cells(group_job(t))),
    event_words.event_words: lambda t: "".join(
        event_words.event_words(LoopEvent(kind, NOW, told(t))) for kind in EventKind
    ),
    events.event_text: lambda t: events.event_text(event(t)),
    events.journal_prefix: lambda t: events.journal_prefix(event(t)),
    control.status_lines: lambda t: control.status_lines(
        loop_status(t), [job_status(t)], {t: last_end(t)}
    ),
    control.head_lines: lambda t: "".join(control.head_lines(loop_status(t), [], NOW)),
    control.cells: lambda t: "".join(control.cells(job_status(t), last_end(t))),
    control.last_cell: lambda t: control.last_cell(last_end(t)),
    control.pause_line: lambda t: control.pause_line(a_pause(t)),
    control.pause_words: lambda t: control.pause_words(a_pause(t)),
    control.trigger_line: lambda t: "".join(
        control.trigger_line(t, answer, unpainted)
        for answer in (Started(t, "skipped", t), Ended(t, "rejected", t, t, 1, 1.0))
    ),
    history.history_lines: lambda t: history.history_lines([entry(t)]),
    history.execution_lines: lambda t: history.execution_lines([entry(t)]),
    history.cells: lambda t: "".join(history.cells(entry(t))),
    stats.stats_cells: lambda t: "".join(stats.stats_cells(figures(t))),
    stats.stats_lines: lambda t: stats.stats_lines([figures(t)]),
    step_summary.step_summary: lambda t: step_summary.step_summary([outcome(t)]),
    history.status: lambda t: history.status("rejected", t),
    jobs.jobs_lines: lambda t: jobs.jobs_lines([one_listed(t)]),
    jobs.cells: lambda t: "".join(jobs.cells(one_listed(t))),
    junit.junit_document: lambda t: junit.junit_document([outcome(t)]),
    keys.key_lines: lambda t: keys.key_lines(key(t), None),
    keys.overview_lines: lambda t: keys.overview_lines({t: key(t)}, None),
    merged.merged_lines: lambda t: merged.merged_lines([listing(t)], 9),
    outcomes.status_with_code: lambda t: outcomes.status_with_code(outcome(t)),
    outcomes.notice_words: lambda t: outcomes.notice_words(notice(t)),
    outcomes.reason: lambda t: outcomes.reason(outcome(t)),
    outcomes.plain_lines: lambda t: outcomes.plain_lines([outcome(t)]),
    outcomes.failure_line: lambda t: outcomes.failure_line(outcome(t)),
    outcomes.failure_lines: lambda t: "".join(outcomes.failure_lines([outcome(t)])),
    missing.missing_lines: lambda t: missing.missing_lines([missing_tick(t)]),
    preview.preview_lines: lambda t: preview.preview_lines(previews(t), lambda text: text),
    problems.aside_messages: lambda t: "".join(problems.aside_messages([problem(t)])),
    problems.problem_line: lambda t: problems.problem_line(problem(t)),
    problems.problem_lines: lambda t: problems.problem_lines(
        [problem(t)], show_source=True, mask=lambda text: text
    ),
    received.received_lines: lambda t: received.received_lines(1, request(t)),
    received.call_lines: lambda t: received.call_lines(1, call(t)),
    timetable.timetable_lines: lambda t: timetable.timetable_lines([listing(t)], 80),
    printable: printable,
    printable_lines: printable_lines,
}
TABLES: dict[Callable[..., Any], Callable[[str, int], RenderableType]] = {
    history_table.history_table: lambda t, width: history_table.history_table([entry(t)], width),
    jobs_table.jobs_table: lambda t, width: jobs_table.jobs_table([one_listed(t)], width),
    check_table.check_table: lambda t, width: check_table.check_table([found(t)], width),
    history_table.stats_table: lambda t, width: history_table.stats_table([figures(t)], width),
    control_table.status_table: lambda t, width: control_table.status_table(
        loop_status(t), [job_status(t)], {t: last_end(t)}
    ),
    cluster_table.jobs_table: lambda t, _: cluster_table.jobs_table(
        group_status(t), [group_job(t)]
    ),
    live.live_table: lambda t, width: live.live_table([row(t)], 1, 1, NOW, width),
    table.outcome_table: lambda t, width: table.outcome_table([outcome(t)], width),
}
DOCUMENTS: dict[Callable[..., Any], Callable[[str], Any]] = {
    annotations.gitlab_document: lambda t: annotations.gitlab_document([problem(t)]),
    annotations.sarif_document: lambda t: annotations.sarif_document([problem(t)]),
    control.status_document: lambda t: control.status_document(
        loop_status(t), [job_status(t)], {t: last_end(t)}
    ),
    control.trigger_document: lambda t: control.trigger_document(t, Started(t, "skipped", t), 0),
    cluster.cluster_document: lambda t: cluster.cluster_document(group_status(t), {t: {t: t}}),
    cluster.jobs_document: lambda t: cluster.jobs_document(group_status(t), [group_job(t)]),
    checks.check_document: lambda t: checks.check_document([found(t)], 4),
    events.event_document: lambda t: events.event_document(event(t)),
    history.history_document: lambda t: history.history_document([entry(t)]),
    missing.missing_document: lambda t: missing.missing_document([missing_tick(t)]),
    jobs.listed: lambda t: jobs.listed([execution(t).job]),
    jobs.jobs_document: lambda t: jobs.jobs_document([one_listed(t)]),
    merged.merged_document: lambda t: merged.merged_document([listing(t)], 9),
    outcomes.run_document: lambda t: outcomes.run_document([outcome(t)], 4),
    preview.previews_document: lambda t: preview.previews_document(previews(t), 4),
    problems.problems_document: lambda t: problems.problems_document([problem(t)], 1, 3),
    received.received_document: lambda t: received.received_document(1, request(t)),
    received.call_document: lambda t: received.call_document(1, call(t)),
    stats.stats_document: lambda t: stats.stats_document([figures(t)]),
    timetable.timetable_document: lambda t: timetable.timetable_document([listing(t)]),
}
# Nothing of a stranger's is in what these return.
FIGURES = {"attempts", "count", "local_time", "milliseconds", "problem_summary", "summary"}
FIGURES |= {"json_text", "style", "check_summary"}
# They put together what is safe already, or add what a terminal is to obey.
FIGURES |= {"aligned", "unpainted", "strike_out", "job_row", "table_of"}
FIGURES |= {"local", "clock_text", "rfc3339"}


def public_functions() -> Iterator[Callable[..., Any]]:
    package = chronos_cli.report
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == info.name and not name.startswith("_"):
                yield function


def test_no_way_out_is_forgotten() -> None:
    known = {*TEXTS, *TABLES, *DOCUMENTS}
    assert {f.__name__ for f in public_functions() if f not in known} == FIGURES


def check(text: str, hostile: str) -> None:
    left = set(text) & (FORBIDDEN - {"\n"})
    assert not left, (left, text)
    text.encode()  # half of a pair could not be written at all
    assert hostile not in text


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("way", TEXTS, ids=lambda way: way.__name__)
def test_texts(way: Callable[..., Any], hostile: str) -> None:
    quiet, text = TEXTS[way]("plain"), TEXTS[way](f"a{hostile}b")
    if hostile == "\n":
        # A body's own lines stay lines; no other text makes one.
        bodies = {"preview_lines": 1, "received_lines": 1, "printable_lines": 1}
        assert text.count("\n") == quiet.count("\n") + bodies.get(way.__name__, 0)
    else:
        check(text, hostile)


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("way", TABLES, ids=lambda way: way.__name__)
def test_tables(way: Callable[..., Any], hostile: str, width: int) -> None:
    text = drawn(TABLES[way](f"a{hostile}b", width), width)
    check(text.replace("\n", ""), hostile)


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("way", DOCUMENTS, ids=lambda way: way.__name__)
def test_documents(way: Callable[..., Any], hostile: str) -> None:
    document = DOCUMENTS[way](f"a{hostile}b")
    for indent in (None, 2):
        text = json_text(document, indent=indent)
        check(text.replace("\n", ""), hostile)
        assert indent or "\n" not in text
        # Whoever reads it gets the same.
        assert json.loads(text) == json.loads(json.dumps(document))


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_junit_can_be_read(hostile: str) -> None:
    root = ET.fromstring(junit.junit_document([outcome(f"<a{hostile}b>")]))
    case = root.find("testsuite/testcase")
    assert case is not None
    assert case.get("name") == printable(f"<a{hostile}b>")


def test_a_file_in_sarif_is_a_uri() -> None:
    (run,) = annotations.sarif_document([problem("a b%\x1bü\udcff")])["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b%25%1B%C3%BC%FF.yaml"


def test_github_takes_no_further_command() -> None:
    harmful = problem("x\n::add-mask::y,z:%0A")
    text = annotations.github_problem(harmful, harmful.position)
    assert "\n" not in text
    assert "%0A" not in text


def test_every_control_and_every_mark_of_direction_is_escaped() -> None:
    """Of what Unicode knows, by its own table."""
    for number in range(sys.maxunicode + 1):
        letter = chr(number)
        is_harmful = (
            unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"}
            or unicodedata.bidirectional(letter) in {"LRE", "RLE", "LRO", "RLO", "PDF"}
            or unicodedata.bidirectional(letter) in {"LRI", "RLI", "FSI", "PDI"}
            or number & 0xFFFE == 0xFFFE
        )
        if is_harmful:
            assert printable(letter) in {"\\n", "\\r", " "} or printable(letter).startswith("\\")
            assert letter < " " or printable(letter).isascii()
            assert letter not in json_text({"a": letter})


@pytest.mark.parametrize("text", ["plain", "ü", "日本語", "שלום", "👩‍💻", "a\\b", "…", "\u00a0"])
def test_ordinary_text_stays(text: str) -> None:
    assert printable(text) == text
    assert json_text([text]) == json.dumps([text], ensure_ascii=False)


def test_of_many_that_were_stopped_before_they_began_there_is_a_count() -> None:
    stopped = [
        replace(outcome(f"j{number}"), status=Status.INTERRUPTED, code="", attempts=[])
        for number in range(12)
    ]
    lines = list(outcomes.failure_lines([outcome("bad"), *stopped]))
    assert (len(lines), lines[0][:14]) == (12, "bad: rejected ")
    assert lines[-1] == "2 more were stopped before the first attempt"
    assert len(list(outcomes.failure_lines([outcome(f"j{number}") for number in range(12)]))) == 12
