r"""`--env-file`: variables for `${…}`, one `NAME=value` a line.

The lines are those of python-dotenv, as Docker Compose and many others have them: `export` before
a name, comments, values in single quotes (as they are) or double ones (with `\n` and the like).
Nothing is substituted in a value: a `$` is a dollar sign.
"""

from io import StringIO
from typing import TYPE_CHECKING

from chronos_cli.errors import InvalidInputError, UnreadableFileError, UsageError
from chronos_cli.files import read_text
from chronos_cli.problems import Position, Problem

if TYPE_CHECKING:
    from dotenv.parser import Binding

MAX_BYTES = 1024 * 1024


def read_env_file(path: str) -> dict[str, str]:
    """Return the variables of a file; a name without `=` is left out.

    Raises UsageError when it cannot be read, and InvalidInputError when it has lines that say
    nothing; these are not quoted, since they may hold secrets.
    """
    from dotenv.parser import parse_stream  # only where the option is used

    try:
        text = read_text(path, MAX_BYTES, pipes=True).removeprefix("\ufeff")
    except UnreadableFileError as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    bindings = list(parse_stream(StringIO(text)))
    problems = [
        Problem(
            Position(path, _line(binding)),
            "this line is not NAME=value",
            hint="quote a value with blanks or quotes in it; comments begin with '#'",
        )
        for binding in bindings
        if binding.error or not _is_name(binding.key)
    ]
    if problems:
        raise InvalidInputError(problems)
    return {one.key: one.value for one in bindings if one.key and one.value is not None}


def _is_name(key: str | None) -> bool:
    """Whether a line has a variable's name, or none: a comment, or nothing."""
    return key is None or key.replace(".", "_").replace("-", "_").isidentifier()


def _line(binding: "Binding") -> int:
    """Return the line that a binding stands on; empty ones before it belong to its text."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
