"""Gathering the problems of many files, each with its source line, each once."""

from msgspec import structs

from chronos_cli.jobs.document import ParsedFile
from chronos_cli.problems import Problem

# How many are shown; those beyond are counted, up to where nobody reads any further.
MOST_SHOWN = 1000
MOST_COUNTED = 10_000
# Findings in all, the same ones again included.
_MOST_FOUND = 30_000
_LONGEST_LINE = 500


class TooManyProblemsError(Exception):
    """So much is wrong that nothing more is to be read; what was found is recorded."""


class ProblemList:
    """Problems in the order in which they are found; the same one is kept once.

    A mistake in `defaults:` would otherwise be listed again for every job that inherits it.
    `found` counts every time that one was found.
    """

    def __init__(self) -> None:
        self._problems: dict[tuple[object, str], Problem] = {}
        self._without_source: list[tuple[object, str]] = []
        self._more: set[int] = set()
        self.found = 0

    @property
    def is_full(self) -> bool:
        """Whether further problems are only counted, so that their hints need no thought."""
        return len(self._problems) >= MOST_SHOWN

    def add(self, problem: Problem) -> None:
        """Record a problem; raises TooManyProblemsError when there is no end of them."""
        self.found += 1
        if self.found > _MOST_FOUND:
            self._end()
        key = (problem.position, problem.message)
        if key in self._problems:
            return
        if not self.is_full:
            self._problems[key] = problem
            self._without_source.append(key)
            return
        self._more.add(hash(key))
        if len(self._more) >= MOST_COUNTED - MOST_SHOWN:
            self._end()

    def _end(self) -> None:
        raise TooManyProblemsError

    def show_lines(self, parsed: ParsedFile) -> None:
        """Give the problems that were found in a file the lines that they stand on."""
        for key in self._without_source:
            problem = self._problems[key]
            if problem.source is None and problem.position.file == parsed.name:
                source = parsed.lines.get(problem.position.line, _LONGEST_LINE)
                self._problems[key] = structs.replace(problem, source=source)
        self._without_source.clear()

    def extend(self, other: "ProblemList") -> None:
        """Add all problems of another list."""
        for problem in other.sorted():
            self._problems.setdefault((problem.position, problem.message), problem)

    def sorted(self) -> list[Problem]:
        """Return the problems by place, files in the order in which they were read.

        The last one says how many more there are than are shown.
        """
        order = {p.position.file: n for n, p in reversed(list(enumerate(self._problems.values())))}
        listed = sorted(
            self._problems.values(),
            key=lambda p: (order[p.position.file], p.position.line, p.position.column),
        )
        return [*listed, self._rest(listed[-1])] if self._more else listed

    def _rest(self, last: Problem) -> Problem:
        count = len(self._more)
        more = (
            f"{count:,} more" if count < MOST_COUNTED - MOST_SHOWN else f"at least {count:,} more"
        )
        message = f"{more} problems were found, which are not shown"
        return Problem(last.position, message, hint="mend these first")

    def __bool__(self) -> bool:
        return bool(self._problems)
