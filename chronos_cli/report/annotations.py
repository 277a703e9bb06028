"""Problems in the forms that code hosts show beside the lines they are about."""

import hashlib
from collections.abc import Sequence
from typing import Any

from chronos_cli import __version__
from chronos_cli.problems import Position, Problem
from chronos_cli.report.text import printable
from chronos_cli.spelling import utf8


def github_problem(problem: Problem, place: Position | None) -> str:
    """Return a problem as a GitHub workflow command, at its place as GitHub names it."""
    return _github_error("chronos", _message(problem), place)


def github_failure(job_id: str, line: str, place: Position | None) -> str:
    """Return a job's failure, said in a line, as a GitHub workflow command at the job's place."""
    return _github_error(f"chronos: {job_id}", line, place)


def _github_error(title: str, text: str, place: Position | None) -> str:
    at = f"file={_property(place.file)},line={place.line},col={place.column}," if place else ""
    return f"::error {at}title={_property(title)}::{_data(printable(text))}"


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
