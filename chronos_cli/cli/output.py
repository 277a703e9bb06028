"""Writing to the two streams: results to stdout, everything else to stderr, secrets to neither."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from chronos_cli.cli.streams import OutputStream, streams
from chronos_cli.problems import Problem
from chronos_cli.redact import Redactor
from chronos_cli.report.text import Paint, json_text, printable_lines, unpainted

if TYPE_CHECKING:
    from rich.console import RenderableType

# One process, one set of secrets: also what ends in an exception is masked with it.
redactor = Redactor()


class Output:
    """What a command writes. A stream that cannot be written stops nothing: see `streams`."""

    def result(self, text: str, style: Callable[[str], str] = str) -> None:
        """Write to stdout; `style` adds what a terminal is to obey, when all else is harmless."""
        streams.stdout.write(style(printable_lines(redactor.text(text))))
        self._report_loss()

    def document(self, text: str) -> None:
        """Write what a program is to read as it is: whoever made it has left out the secrets."""
        streams.stdout.write(printable_lines(text))
        self._report_loss()

    def painted(self, text: str) -> None:
        """Write to stdout what was made printable already, and painted for stdout."""
        streams.stdout.write(redactor.text(text))
        self._report_loss()

    @staticmethod
    def paint(stream: OutputStream) -> Paint:
        """Return what gives a text its colour on a stream, if it takes any."""
        if not stream.has_colour():
            return unpainted
        from chronos_cli.cli.colour import painted

        return painted

    def note(self, text: str) -> None:
        """Write a line to stderr."""
        streams.stderr.write(printable_lines(redactor.text(text)) + "\n")

    def masked_line(self, text: str, *, is_json: bool = False) -> None:
        """Write a line to stderr in which all is masked and made printable already."""
        write = streams.stderr.write_json if is_json else streams.stderr.write
        write(text + "\n")

    def json(self, data: Any, *, indent: int | None = 2) -> None:
        """Write data as JSON to stdout; strings are masked before they are escaped."""
        streams.stdout.carries_data = True
        streams.stdout.write_json(json_text(redactor.data(data), indent=indent) + "\n")
        self._report_loss()

    def sum_up(self, text: str) -> None:
        """Say in a line what came of it to those who do not see the data; not amid the data."""
        out, err = streams.stdout, streams.stderr
        if (out.is_file() or (err.isatty() and not out.isatty())) and not out.is_same_as(err):
            self.note(text)

    def table(self, draw: Callable[[int], "RenderableType"]) -> None:
        """Write a table, drawn for the terminal's width; what is in it must be masked already."""
        console = streams.stdout.console()
        console.print(draw(console.width))
        self._report_loss()

    def problems(self, problems: Sequence[Problem]) -> None:
        """Write problems to stderr, with the source lines when it is a terminal.

        GitHub gets them as annotations too: in a workflow, and where they are asked for.
        """
        # Only on failure.
        from chronos_cli.cli.commands import Invocation
        from chronos_cli.cli.github import problem_annotations
        from chronos_cli.report.problems import problem_lines

        shown = streams.stderr.isatty()
        paint = self.paint(streams.stderr)
        lines = problem_lines(problems, show_source=shown, mask=redactor.text, paint=paint)
        streams.stderr.write(redactor.text(lines))
        found = problem_annotations(problems, os.environ)
        self.annotate(found, is_asked_for=Invocation.output == "github")

    def annotate(self, lines: Iterable[str], *, is_asked_for: bool) -> None:
        """Write annotations for GitHub: to stdout where asked for, to stderr in a workflow."""
        for line in lines:
            if is_asked_for:
                self.result(f"{line}\n")
            elif os.environ.get("GITHUB_ACTIONS") == "true":
                self.note(line)

    @staticmethod
    def _report_loss() -> None:
        """Say at once that a result is lost; the loss of notes is said when all is written."""
        if streams.stdout.loss is not None:
            streams.report_losses()
