"""Problems in the forms that code hosts show beside the lines they are about."""

import hashlib
from collections.abc import Sequence
from typing import Any

from chronos_cli import __version__
from chronos_cli.dispatch.outcome import Outcome
from chronos_cli.problems import Position, Problem
from chronos_cli.report.outcomes import failure_line
from chronos_cli.report.text import printable
from chronos_cli.spelling import utf8


def github_annotations(problems: Sequence[Problem]) -> str:
    """Return the problems as GitHub workflow commands, a line each."""
    return "".join(
        f"::error file={_property(p.position.file)},line={p.position.line},"
        f"col={p.position.column},title=chronos::{_data(_message(p))}\n"
        for p in problems
    )


def github_failure(outcome: Outcome, place: Position | None) -> str:
    """Return a failed outcome as a GitHub workflow command, at the place of its job."""
    at = f"file={_property(place.file)},line={place.line},col={place.column}," if place else ""
    title = _property(f"chronos: {outcome.job_id}")
    return f"::error {at}title={title}::{_data(failure_line(outcome))}"


def gitlab_document(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """Return the problems as a GitLab Code Quality report."""
    return [
        {
            "description": _message(problem),
            "check_name": "chronos-validate",
            "fingerprint": _fingerprint(problem),
            "severity": "major",
            "location": {
                "path": problem.position.file,
                "lines": {"begin": problem.position.line},
            },
        }
        for problem in problems
    ]


def sarif_document(problems: Sequence[Problem]) -> dict[str, Any]:
    """Return the problems as a SARIF 2.1.0 log."""
    driver = {
        "name": "chronos",
        "version": __version__,
        "rules": [{"id": "invalid-job", "shortDescription": {"text": "The job is not valid"}}],
    }
    run = {"tool": {"driver": driver}, "results": [_sarif_result(p) for p in problems]}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }


def _sarif_result(problem: Problem) -> dict[str, Any]:
    position = problem.position
    place = {
        "artifactLocation": {"uri": _uri(position.file)},
        "region": {"startLine": position.line, "startColumn": position.column},
    }
    return {
        "ruleId": "invalid-job",
        "level": "error",
        "message": {"text": _message(problem)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"problem/v1": _fingerprint(problem)},
    }


def _message(problem: Problem) -> str:
    message = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    return printable(message)


def _uri(file: str) -> str:
    """Return a path as a URI reference (SARIF 2.1.0, 3.4.3)."""
    from urllib.parse import quote

    return quote(utf8(file))


def _fingerprint(problem: Problem) -> str:
    """Return what stays the same while a problem merely moves to another line."""
    text = f"{problem.position.file}\n{problem.path}\n{problem.message}"
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _data(text: str) -> str:
    return text.replace("%", "%25")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")
