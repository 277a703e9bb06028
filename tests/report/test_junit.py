"""The JUnit report, held to the form that Surefire writes and CI servers read (junit.xsd)."""

import pytest
import xmlschema

from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.report.junit import junit_document
from tests.support import ROOT

SCHEMA = xmlschema.XMLSchema(ROOT / "tests/junit.xsd")


def outcome(status: Status, message: str = "") -> Outcome:
    return Outcome(
        job_id="a",
        job_name="a",
        execution_id="1",
        protocol="http",
        target="POST http://a/<&>",
        scheduled_time="2026-11-23T09:00:00+00:00",
        status=status,
        message=message,
        duration_ms=12.3456,
    )


@pytest.mark.parametrize("message", ["", "no", "<&]]>\0\x1b[31m\ud800\ufffe\r\n'\""])
def test_every_status_has_its_form(message: str) -> None:
    outcomes = [outcome(status, message) for status in Status]
    found = SCHEMA.to_dict(junit_document(outcomes))
    assert isinstance(found, dict)
    (suite,) = found["testsuite"]
    assert [suite[f"@{name}"] for name in ("tests", "failures", "skipped")] == [6, 4, 1]


def test_no_job_is_a_suite_without_cases() -> None:
    SCHEMA.validate(junit_document([]))


def test_the_schema_refuses_what_is_no_report() -> None:
    whole = junit_document([outcome(Status.REJECTED)])
    for wrong in (
        whole.replace("classname=", "class="),
        whole.replace('tests="1"', 'tests="one"'),
        whole.replace("<failure", "<fault").replace("</failure", "</fault"),
    ):
        assert not SCHEMA.is_valid(wrong)
