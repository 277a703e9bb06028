"""Writing to the two streams: results to stdout, everything else to stderr, secrets to neither."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from chronos_cli.problems import Problem
from chronos_cli.redact import Redactor
from chronos_cli.report.text import json_text, printable_lines

if TYPE_CHECKING:
    from rich.console import RenderableType

# One process, one set of secrets: also what ends in an exception is masked with it.
redactor = Redactor()


class Output:
    """The streams of a command. A closed pipe is not an error: the rest is dropped."""

    def result(self, text: str) -> None:
        """Write to stdout."""
        _write(sys.stdout, printable_lines(redactor.text(text)))

    def note(self, text: str) -> None:
        """Write a line to stderr."""
        _write(sys.stderr, printable_lines(redactor.text(text)) + "\n")

    def masked_line(self, text: str) -> None:
        """Write a line to stderr in which all is masked and made printable already."""
        _write(sys.stderr, text + "\n")

    def json(self, data: Any, *, indent: int | None = 2) -> None:
        """Write data as JSON to stdout; strings are masked before they are escaped."""
        _write(sys.stdout, json_text(redactor.data(data), indent=indent) + "\n")

    def table(self, draw: Callable[[int], "RenderableType"]) -> None:
        """Write a table, drawn for the terminal's width; what is in it must be masked already."""
        from rich.console import Console  # only where a table is really drawn

        console = Console(file=sys.stdout, highlight=False)
        try:
            console.print(draw(console.width))
        except BrokenPipeError:
            _drop(sys.stdout)

    def problems(self, problems: Sequence[Problem]) -> None:
        """Write problems to stderr, with the source lines when it is a terminal."""
        from chronos_cli.report.problems import problem_lines  # only on failure

        lines = problem_lines(problems, show_source=sys.stderr.isatty(), mask=redactor.text)
        _write(sys.stderr, redactor.text(lines))


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _drop(stream)


def _drop(stream: TextIO) -> None:
    """Send what is still to come, and Python's own flush at exit, nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
