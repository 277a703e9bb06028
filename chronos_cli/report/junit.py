"""Outcomes as JUnit XML, in the form that CI servers read: a test case for each job."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.report.outcomes import notice_words, reason, status_with_code
from chronos_cli.report.text import printable


def junit_document(outcomes: Sequence[Outcome]) -> str:
    """Return the report of a run; durations are in seconds."""
    suite = ET.Element("testsuite", _figures(outcomes))
    for outcome in outcomes:
        case = ET.SubElement(
            suite,
            "testcase",
            {
                "name": printable(outcome.job_id),
                "classname": f"chronos.{printable(outcome.protocol)}",
                "time": f"{outcome.duration_ms / 1000:.3f}",
            },
        )
        if outcome.status is Status.SKIPPED:
            ET.SubElement(case, "skipped", {"message": reason(outcome)})
        elif outcome.status.is_failure:
            message = f"{status_with_code(outcome)}: {reason(outcome)}"
            failure = ET.SubElement(
                case, "failure", {"type": outcome.status.value, "message": message}
            )
            failure.text = f"{printable(outcome.target)}\n{message}"
        if outcome.notices:
            ET.SubElement(case, "system-out").text = "\n".join(map(notice_words, outcome.notices))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _figures(outcomes: Sequence[Outcome]) -> dict[str, str]:
    statuses = [outcome.status for outcome in outcomes]
    return {
        "name": "chronos",
        "tests": str(len(statuses)),
        "failures": str(sum(status.is_failure for status in statuses)),
        "errors": "0",
        "skipped": str(statuses.count(Status.SKIPPED)),
        "time": f"{sum(outcome.duration_ms for outcome in outcomes) / 1000:.3f}",
    }
