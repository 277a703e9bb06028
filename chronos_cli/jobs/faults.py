"""What `${…}` could not be replaced, kept until something needs the value."""

from chronos_cli.jobs.nodes import Scalar
from chronos_cli.jobs.problems import ProblemList, TooManyProblemsError
from chronos_cli.problems import Problem

# Of all files together: thousands of jobs may lack the same variable, and none of it matter.
MOST_FAULTS = 200_000


class Faults:
    """The problem of each scalar whose value is not known, for a command that needs only a part.

    With `tolerates_absence`, an unset variable or a missing file is a problem only where the
    value is shown.
    """

    def __init__(self, *, tolerates_absence: bool) -> None:
        self._tolerates_absence = tolerates_absence
        # The scalar is kept, so that no other one can come by its identity.
        self._found: dict[int, tuple[Scalar, Problem, bool]] = {}

    def add(self, node: Scalar, problem: Problem, *, is_absence: bool) -> None:
        """Record why a scalar's value is not known; TooManyProblemsError when there is no end."""
        if len(self._found) >= MOST_FAULTS:
            raise TooManyProblemsError
        self._found[id(node)] = (node, problem, is_absence)

    def of(self, node: Scalar, *, is_shown: bool = False) -> Problem | None:
        """Return what keeps a value from being used, if anything does."""
        known = self._found.get(id(node))
        if known is None:
            return None
        _, problem, is_absence = known
        return None if is_absence and self._tolerates_absence and not is_shown else problem


class ProblemsAside(ProblemList):
    """Problems of what is not needed: however many there are, they do not end the reading."""

    def _end(self) -> None:
        """Go on: what is needed may still be sound."""
