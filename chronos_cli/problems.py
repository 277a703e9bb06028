"""A mistake in an input, as data: where it is, what it is, and what to do about it."""

from msgspec import Struct

Path = tuple[str | int, ...]


class Position(Struct, frozen=True, order=True):
    """A place in a text file; `line` and `column` count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(Struct, frozen=True):
    """One thing that is wrong in a job file or in chronos.yaml.

    `path` is where in the document it is (`jobs[2].webhook.url`), `hint` what to do next, and
    `source` the offending line as it stands in the file.
    """

    position: Position
    message: str
    path: str = ""
    hint: str | None = None
    source: str | None = None


class Flaw(Struct, frozen=True):
    """A mistake that only the owner of a block can see; `path` is relative to that block."""

    path: Path
    message: str
    hint: str | None = None


def format_path(path: Path) -> str:
    """Write a path the way people say it: `("jobs", 2, "url")` is `jobs[2].url`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text
