"""Attempts in words, while a job is under way."""

from chronos_cli.dispatch.outcome import Attempt
from chronos_cli.report.outcomes import status_with_code
from chronos_cli.report.text import milliseconds, printable
from chronos_cli.units import format_duration


def attempt_line(job_id: str, attempt: Attempt, most: int, wait: float | None) -> str:
    """Return an attempt that has ended in one line; of `most`, the next one in `wait` seconds."""
    took = milliseconds(attempt.duration_ms)
    line = f"{job_id}: attempt {attempt.number} of {most}: {status_with_code(attempt)} in {took}"
    if attempt.message:
        line += f": {attempt.message}"
    return printable(line if wait is None else f"{line}; next in {format_duration(wait)}")


def attempt_words(job_id: str, number: int, most: int, age: float, why: str) -> str:
    """Return what is going on: an attempt that has lasted for `age` seconds, or is to come.

    One to come has a negative age; `why` is what ended the one before.
    """
    place = f"{job_id}: attempt {number}/{most}"
    if age >= 0:
        return printable(f"{place}, {age:.0f} s")
    return printable(f"{place} in {max(1, round(-age))} s: {why}")
