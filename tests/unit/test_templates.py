"""Templates: what they may say is known at load, and what they do is bounded."""

import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.templates import Context, render
from chronos_cli.errors import RejectedError
from chronos_cli.jobs.dates import format_date
from chronos_cli.jobs.template import Template, TemplateFailure
from chronos_cli.jobs.template_check import NAMES, OUTCOME
from chronos_cli.jobs.template_engine import check_template
from tests.test_cases import load

MOMENT = datetime(2027, 3, 4, 5, 6, 7, 89, tzinfo=ZoneInfo("Asia/Kathmandu"))


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    path = tmp_path_factory.mktemp("job") / "job.yaml"
    path.write_text("name: a\ntags: {team: t}\nwebhook: {url: 'http://127.0.0.1:1/'}\n")
    (job,) = load(path).jobs
    outcome = dict.fromkeys(OUTCOME.parts, "x")
    variables = {"a": "A" * 100_000, "items": "i", "half": "\udcff"}
    return Context(Execution("e", job, MOMENT, variables, outcome=outcome), 1)


def outcome_of(text: str, context: Context) -> str:
    """The rendered text, or how it was refused; anything else is a fault of ours."""
    try:
        check_template(text, in_notice=True)
    except TemplateFailure:
        return "problem"
    try:
        return str(render(Template(text), context))
    except RejectedError as error:
        return "rejected" if error.code == "TEMPLATE" else str(error.code)


def test_the_names_that_are_checked_are_those_that_there_are(context: Context) -> None:
    names = context.names()
    assert set(names) == {*NAMES, "outcome"}
    for name, shape in NAMES.items():
        if shape.parts:
            assert set(names[name]) == set(shape.parts)


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("{{ jbo.id }}", 4, "unknown name 'jbo'", "did you mean 'job'?"),
        ("a {{ now }} {{ job.nam }}", 20, "unknown attribute 'nam'", "did you mean 'name'?"),
        ("{{ job['nam'] }}", 8, "unknown attribute 'nam'", "did you mean 'name'?"),
        ("{{ now.yaer }}", 8, "unknown attribute 'yaer'", "did you mean 'year'?"),
        ("{{ (now | tz('UTC')).yaer }}", 22, "unknown attribute 'yaer'", "did you mean 'year'?"),
        ("{{ now | dat }}", 10, "No filter named 'dat'", "did you mean 'date'?"),
        ("{{ now is definde }}", 11, "No test named 'definde'", "did you mean 'defined'?"),
        ("{{ now.isoformat }}", 8, "'isoformat' is a method", "write isoformat()"),
        ("{{ job.name.upper() }}", 13, "this cannot be called", "of times: isoformat()"),
        ("{{ range(3) }}", 4, "this cannot be called", "of times: isoformat()"),
        ("{{ attempt.x }}", 12, "unknown attribute 'x'", "it has none"),
        ("{{ outcome.status }}", 4, "unknown name 'outcome'", "only on_failure"),
        ("{{ 5 | date }}", 8, "'date' is for times", "scheduled_time and now"),
        ("{{ now | date('%c') }}", 10, "depends on the machine; write %a %b", None),
        ("{{ now | date('%Q') }}", 10, "'%Q' is no code of a date", None),
        ("{{ now | date('%') }}", 10, "is no code of a date", None),
        ("{{ now | tz('Mars') }}", 10, "no time zone 'Mars'", None),
        ("{{ 2 ** 3 }}", 4, "'Pow' is not supported", None),
        ("{{ '\\ud800' }}", 4, "half a surrogate pair", None),
        ("{{ 1e400 | int }}", 4, "the number is too large", None),
    ],
)
def test_what_is_wrong_has_its_place(
    tmp_path: Path, text: str, column: int, message: str, hint: str | None
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(f"name: a\nwebhook: {{url: 'http://h/'}}\npayload: |-\n  {text}\n")
    (problem,) = load(path).problems
    assert (problem.position.line, message in problem.message) == (4, True), problem.message
    assert (problem.hint or "").startswith(hint or "")
    with pytest.raises(TemplateFailure) as failure:
        check_template(text)
    assert failure.value.offset + 1 == column


def test_notices_are_checked_and_see_the_outcome(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    text = (
        "name: a\nwebhook: {{url: 'http://h/'}}\non_failure:\n"
        "  payload: '{{{{ outcome.{} }}}}'\n  webhook: {{url: 'http://h/'}}\n"
    )
    path.write_text(text.format("status ~ outcome.receipt.anything ~ outcome.attempts[0].code"))
    assert load(path).problems == []
    path.write_text(text.format("statsu"))
    (problem,) = load(path).problems
    assert (problem.position.line, problem.position.column) == (4, 24)
    assert problem.hint == "did you mean 'status'?"


ODD = [
    "{{ 1e400 | int }}",
    "{{ " + "9" * 5000 + " }}",
    "{{ " + "[" * 3000 + "]" * 3000 + " }}",
    "{{ " + "(" * 19 + "[" * 19 + " }}",
    "{{ 1" + " + 1" * 20_000 + " }}",
    "{{ 1" + " + 1" * 140 + " }}",
    "{{ " + "(" * 100_000,
    "{{ " + "- " * 290 + "1 }}",
    "{{ " + "not " * 290 + "1 }}",
    "{{ now" + " | string" * 140 + " }}",
    "{{ vars.a" + ".a" * 140 + " }}",
    "{{ 1" + " if 1 else 1" * 70 + " }}",
    "{{ 'a' | int | date }}",
    "{{ vars.a | date }}",
    "{{ vars.half }}",
    "{{ vars.half | urlencode }}",
    "{{ 1.5 | round(999999999, 'ceil') }}",
    "{{ 5 | round(-999999999) }}",
    "{{ 1 / 0 }}",
    "{{ 5 is divisibleby(0) }}",
    "{{ 5 | sha256 }}",
    "{{ [] | first }}",
    "{{ vars | first | nosuch }}",
    "{{ now | date(vars.a) }}",
    "{{ now | date('%-') }}",
    "{{ attempt < 'a' }}",
    "{{ now | tz('Europe') }}",
    "{{ caller() }}",
    "{{ self }}",
    "{{ super() }}",
    "{{ loop.index }}",
    "{{ _ }}",
    "{{ 5()() }}",
    "{{ now.isoformat('ab') }}",
    "{{ x }}" * 5000,
    "x" * 2_000_000 + "{{ now }}",
]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_the_odd_is_a_problem_or_rejected(context: Context, text: str) -> None:
    began = time.process_time()
    assert outcome_of(text, context) in {"problem", "rejected"}
    assert time.process_time() - began < 1


HEAVY = [
    "{{ vars.a" + " | upper | title" * 24 + " }}",
    "{{ vars.a | replace('A', 'BBBBBBBBBB') | urlencode }}",
    "{{ vars.a | urlencode }}" * 100,
    "{{ 1 if (vars.a" + " ~ vars.a" * 100 + ") is string else 2 }}" * 30,
    "{{ (vars.a" + " ~ vars.a" * 100 + ") in vars.a }}" * 30,
    "{{ outcome | tojson | tojson | tojson | length }}" * 100,
    "{{ now.isoformat() }} {{ now | date('%A %B %c') }}" * 100,
]


@pytest.mark.parametrize("text", HEAVY, ids=range(len(HEAVY)))
def test_no_template_renders_for_long(context: Context, text: str) -> None:
    outcome_of(text, context)  # which compiles it
    began = time.process_time()
    outcome_of(text, context)
    assert time.process_time() - began < 0.25 * max(1.0, _slowness())


def _slowness() -> float:
    began = time.process_time()
    [str(number) for number in range(1_000_000)]
    return (time.process_time() - began) / 0.12


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ vars.items }} {{ vars['items'] }} {{ vars.no | default('d') }}", "i i d"),
        ("{{ job.tags.team | upper }} {{ job.id[0] }}", "T a"),
        ("{{ scheduled_time.weekday() + 1 }}", "4"),
        ("{{ (scheduled_time | tz('UTC')).hour }}", "23"),
        ("{{ [1, 2] | last }} {{ 'ab' | first }} {{ [] | first | default('-') }}", "2 a -"),
        ("{{ 2.567 | round(1) }} {{ {'a': [1]} | tojson }}", '2.6 {"a": [1]}'),
        ("{{ 'late' if attempt > 1 else 'first' }}", "first"),
        ("{{ now == now }}", "True"),
        ("{{ outcome.status }} {{ outcome['code'] }}", "x x"),
    ],
)
def test_what_works(context: Context, text: str, expected: str) -> None:
    assert outcome_of(text, context) == expected


MOMENTS = [
    MOMENT,
    datetime(2024, 12, 30, 0, 0, tzinfo=UTC),
    datetime(2027, 1, 3, 12, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    datetime(2000, 2, 29, 13, 0, tzinfo=ZoneInfo("Europe/Berlin")),
]
# The codes whose meaning Python's own strftime gives, in the C locale and apart from the zone.
COMMON = "a A b B C d D e F f g G h H I j k l m M n p P R S t T u U V w W y Y z Z %".split()


@pytest.mark.parametrize("moment", MOMENTS)
def test_dates_are_written_as_strftime_does(moment: datetime) -> None:
    for code in COMMON:
        for flag in ("", *("-_0" if code in "deHIjklmMSyUVW" else "^")):
            pattern = f"<%{flag}{code}>"
            if flag == "^" and code in {"f", "P", "z", "Z", "%", "p"}:
                continue
            assert format_date(moment, pattern) == moment.strftime(pattern), pattern


def test_the_epoch_is_that_of_any_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    moment: Any = datetime(2027, 1, 1, 0, 0, tzinfo=ZoneInfo("Asia/Tokyo"))
    try:
        assert format_date(moment, "%s %:z") == f"{int(moment.timestamp())} +09:00"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_value_that_is_not_given_is_named(context: Context) -> None:
    for text, told in (
        (
            "{{ vars.day | upper }}",
            "vars.day is not given (add --var day=…, or write {{ vars.day |",
        ),
        ("{{ job.tags.day }}", "has no attribute 'day'"),
    ):
        with pytest.raises(RejectedError) as caught:
            render(Template(text), context)
        assert told in str(caught.value)
