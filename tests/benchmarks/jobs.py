"""Job files of any length, as a person would write them."""

import json
from collections.abc import Iterable, Iterator
from typing import Any


def fan_out(numbers: Iterable[int], target: dict[str, Any], *, enabled: bool = True) -> str:
    """Write so many jobs that send to one target block, each with a payload of its own."""
    ((key, block),) = target.items()
    name = "job_id" if key == "grpc" else "report"  # the fields of a message are given
    head = "" if enabled else "defaults: {enabled: false}\n"
    sent = json.dumps(block)
    return (
        head
        + "jobs:\n"
        + "".join(
            f'- name: job-{number}\n  payload: {{{name}: "{number}"}}\n  {key}: {sent}\n'
            for number in numbers
        )
    )


def described(count: int) -> str:
    """Write so many jobs that use what jobs in the field use, and would send nothing here."""
    return "jobs:\n" + "".join(
        f"- name: report-{number}\n"
        f'  schedule: "{number % 60} 9 * * 1-5"\n'
        "  timeout: 30s\n"
        f"  payload: {{report: daily, number: {number}}}\n"
        "  webhook:\n"
        f"    url: http://127.0.0.1:9/reports/{number}\n"
        "    headers: {X-Team: finance}\n"
        for number in range(count)
    )


def scheduled(names: Iterable[str], schedules: Iterable[str], url: str) -> str:
    """Write jobs that are due on these schedules, one after the other."""
    return "jobs:\n" + "".join(_lines(names, schedules, url))


def _lines(names: Iterable[str], schedules: Iterable[str], url: str) -> Iterator[str]:
    for name, schedule in zip(names, schedules, strict=False):
        yield f'- name: {name}\n  schedule: "{schedule}"\n  webhook: {{url: "{url}"}}\n'
