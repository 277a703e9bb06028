"""Gathering the problems of many files, each with its source line, each once."""

from collections.abc import Iterable
from dataclasses import replace

from chronos_cli.jobs.document import ParsedFile
from chronos_cli.problems import Problem

_LONGEST_LINE = 500


class ProblemList:
    """Problems in the order in which they are found; the same one is kept once.

    A mistake in `defaults:` would otherwise be told again for every job that inherits it.
    """

    def __init__(self) -> None:
        self._problems: dict[tuple[object, str], Problem] = {}

    def of_file(self, parsed: ParsedFile, problems: Iterable[Problem]) -> None:
        """Add problems found in a file, with the line that each stands on."""
        for problem in problems:
            source = problem.source
            at = problem.position.line - 1
            if source is None and problem.position.file == parsed.name and at < len(parsed.lines):
                source = parsed.lines[at][:_LONGEST_LINE]
            key = (problem.position, problem.message)
            self._problems.setdefault(key, replace(problem, source=source))

    def extend(self, other: "ProblemList") -> None:
        """Add all problems of another list."""
        for problem in other.sorted():
            self._problems.setdefault((problem.position, problem.message), problem)

    def sorted(self) -> list[Problem]:
        """Return the problems by place, files in the order in which they were read."""
        order = {p.position.file: n for n, p in reversed(list(enumerate(self._problems.values())))}
        return sorted(
            self._problems.values(),
            key=lambda p: (order[p.position.file], p.position.line, p.position.column),
        )

    def __bool__(self) -> bool:
        return bool(self._problems)
