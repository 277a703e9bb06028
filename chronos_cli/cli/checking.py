"""Carrying checks out under the eyes of a user: signals, progress, the report."""

import asyncio
import os
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from chronos_cli.app.checks import Checks
from chronos_cli.app.workspace import Workspace
from chronos_cli.cli.exit_codes import ExitCode, exit_code, weight
from chronos_cli.cli.options import OutputFormat
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.progress import LONG, StatusLine
from chronos_cli.cli.signals import StopSignals, leave_if_held_up
from chronos_cli.cli.streams import streams
from chronos_cli.cli.warn import warn
from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.check import Checked
from chronos_cli.dispatch.execution import Execution
from chronos_cli.report.checks import (
    check_document,
    check_failure_line,
    check_lines,
    check_summary,
)

# Of what is left so many are named.
_NAMED = 3


class CheckOptions(Struct, frozen=True, kw_only=True):
    """How checks are carried out and reported."""

    output: OutputFormat
    quiet: bool
    concurrency: int
    strict: bool


def carry_out(
    workspace: Workspace, executions: Sequence[Execution], options: CheckOptions
) -> ExitCode:
    """Carry all checks out, in an event loop of their own; return the exit code."""
    # Else the first steps would seem to take long.
    workspace.import_clients(execution.job for execution in executions)
    return asyncio.run(_CheckConsole(workspace, executions, options).exit_code())


class _CheckConsole:
    """Carries checks out, listens to signals, and reports."""

    def __init__(
        self, workspace: Workspace, executions: Sequence[Execution], options: CheckOptions
    ) -> None:
        self._executions = executions
        self._options = options
        self._output = Output()
        self._done = 0
        self._checks = Checks(
            workspace.dispatchers(),
            SystemClock(),
            self._on_result,
            is_strict=options.strict,
        )

    async def exit_code(self) -> ExitCode:
        """Carry everything out; return the exit code after the report is written."""
        if not self._options.quiet:
            warn((execution.job for execution in self._executions), self._output)
        signals = StopSignals(self._checks.stop)
        signals.listen()
        line = StatusLine(shown=not self._options.quiet)
        drawing = asyncio.create_task(self._keep_drawing(line)) if line.is_shown else None
        try:
            results = await self._checks.results(self._executions, self._options.concurrency)
        finally:
            if drawing is not None:
                drawing.cancel()
            line.close()
        code = exit_code({result.status for result in results}, signals.number)
        masked = [_masked(result) for result in results]
        self._report(masked, code)
        if os.environ.get("GITHUB_ACTIONS") == "true" and not self._is_for_github:
            self._annotate(masked)
        return leave_if_held_up(code)

    @property
    def _is_for_github(self) -> bool:
        return self._options.output is OutputFormat.GITHUB

    def _annotate(self, results: list[Checked]) -> None:
        """Write a line for GitHub for each job that would not get through."""
        from chronos_cli.cli.github import Failure, failure_annotations

        failures = [
            Failure(result.job_id, check_failure_line(result), execution.job.position)
            for result, execution in zip(results, self._executions, strict=True)
            if result.status.is_failure
        ]
        found = failure_annotations(failures, os.environ)
        self._output.annotate(found, is_asked_for=self._is_for_github)

    def _on_result(self, result: Checked) -> None:
        """Count a check that has ended; `jsonl` prints it at once."""
        self._done += 1
        if self._options.output is OutputFormat.JSONL and not self._options.quiet:
            self._output.json(msgspec.to_builtins(result), indent=None)

    async def _keep_drawing(self, line: StatusLine) -> None:
        while True:
            await asyncio.sleep(LONG)
            line.show(self._progress())

    def _progress(self) -> str:
        """Return how many have ended, and what those are at that go on."""
        now = [
            f"{job_id}: {check.steps.taken[-1].name}" if check.steps.taken else job_id
            for job_id, check in list(self._checks.running.items())[:_NAMED]
        ]
        return f"checking {self._done}/{len(self._executions)}; {', '.join(now)}"

    def _report(self, results: list[Checked], code: ExitCode) -> None:
        if self._options.quiet:
            failed = [result for result in results if result.status.is_failure]
            for result in sorted(failed, key=lambda result: weight(result.status)):
                self._output.note(check_failure_line(result))
        elif self._options.output is OutputFormat.JSON:
            self._output.json(check_document(results, code))
            self._output.sum_up(check_summary(results))
        elif self._options.output is OutputFormat.JSONL:
            self._output.sum_up(check_summary(results))
        elif self._is_for_github:
            self._annotate(results)
            self._output.sum_up(check_summary(results))
        elif streams.stdout.isatty():
            from chronos_cli.report.check_table import check_table  # imports Rich

            self._output.table(lambda width: check_table(results, width))
        else:
            paint = self._output.paint(streams.stdout)
            self._output.painted(check_lines(results, paint))


def _masked(result: Checked) -> Checked:
    if not redactor.may_change(result):
        return result
    return msgspec.convert(redactor.data(msgspec.to_builtins(result)), Checked)
