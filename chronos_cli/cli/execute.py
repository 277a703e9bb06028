"""Carrying executions out under the eyes of a user: signals, progress, the report."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from chronos_cli.cli.exit_codes import ExitCode, exit_code, leave_if_held_up
from chronos_cli.cli.loading import Workspace
from chronos_cli.cli.options import OutputFormat
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.progress import Progress
from chronos_cli.cli.recording import Recording
from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.batch import Batch, BatchOptions
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Outcome
from chronos_cli.dispatch.runner import Runner
from chronos_cli.jobs.model import warnings_of
from chronos_cli.report.outcomes import failure_line, plain_lines, run_document

# Jobs that a warning names.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How executions are carried out and reported."""

    output: OutputFormat
    quiet: bool
    concurrency: int
    fail_fast: bool
    journal: Recording | None = None
    junit: str | None = None


async def execute(
    workspace: Workspace, executions: Sequence[Execution], options: RunOptions
) -> ExitCode:
    """Run all executions once and report; return the exit code."""
    return leave_if_held_up(await _Run(workspace, executions, options).exit_code())


def warn(executions: Sequence[Execution], output: Output) -> None:
    """Say on stderr what is dangerous in the jobs: one line for each danger."""
    found = warnings_of(execution.job for execution in executions)
    for message, ids in found.items():
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        output.note(f"chronos: warning: {message} ({', '.join(ids[:_NAMED])}{more})")


class _Run:
    """Runs a batch, listens to signals, and reports."""

    def __init__(
        self, workspace: Workspace, executions: Sequence[Execution], options: RunOptions
    ) -> None:
        self._workspace = workspace
        self._executions = executions
        self._options = options
        self._output = Output()
        self._stopped_by: int | None = None

    async def exit_code(self) -> ExitCode:
        """Run everything; return the exit code after the report is written."""
        if not self._options.quiet:
            warn(self._executions, self._output)
        dispatchers = self._workspace.dispatchers()
        shown = sys.stderr.isatty() and not self._options.quiet and len(self._executions) > 1
        with Progress("running", len(self._executions), shown=shown) as progress:

            def on_outcome(outcome: Outcome) -> None:
                progress.advance()
                if self._options.output is OutputFormat.JSONL and not self._options.quiet:
                    self._output.json(msgspec.to_builtins(outcome), indent=None)

            options = BatchOptions(
                concurrency=self._options.concurrency,
                fail_fast=self._options.fail_fast,
                on_outcome=on_outcome,
                on_notice=self._on_notice,
                mask=redactor.data,
                journal=self._options.journal,
            )
            batch = Batch(Runner(SystemClock()), dispatchers, options)
            self._listen(batch)
            outcomes = await batch.run(self._executions)
        code = exit_code({outcome.status for outcome in outcomes}, self._stopped_by)
        if batch.failure is not None:
            code = ExitCode.BUG
        masked = [_masked(outcome) for outcome in outcomes]
        self._report(masked, code)
        if self._options.junit is not None:
            self._write_junit(self._options.junit, masked)
        await dispatchers.close()
        if self._options.journal:
            self._options.journal.close()
        if batch.failure is not None:
            raise batch.failure
        return code

    def _write_junit(self, path: str, outcomes: list[Outcome]) -> None:
        """Write the report; that it cannot be written changes nothing of what was sent."""
        from chronos_cli.report.junit import junit_document

        try:
            Path(path).write_text(redactor.text(junit_document(outcomes)), encoding="utf-8")
        except OSError as error:
            self._output.note(f"chronos: cannot write {path}: {error.strerror}")

    def _listen(self, batch: Batch) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, number, batch)

    def _on_signal(self, number: int, batch: Batch) -> None:
        if self._stopped_by is not None:
            os._exit(128 + number)  # the second signal: out at once
        self._stopped_by = number
        batch.stop()

    def _on_notice(self, outcome: Outcome) -> None:
        """Say so when telling of an outcome failed: it does not change the outcome itself."""
        if outcome.status.is_failure:
            self._output.note(f"chronos: the notice did not get through: {failure_line(outcome)}")

    def _report(self, outcomes: list[Outcome], code: ExitCode) -> None:
        if self._options.quiet:
            failed = [outcome for outcome in outcomes if outcome.status.is_failure]
            if failed:
                self._output.note(failure_line(failed[0]))
        elif self._options.output is OutputFormat.JSON:
            self._output.json(run_document(outcomes, code))
        elif self._options.output is OutputFormat.TABLE and sys.stdout.isatty():
            from chronos_cli.report.table import outcome_table  # imports Rich

            self._output.table(lambda width: outcome_table(outcomes, width))
        elif self._options.output is OutputFormat.TABLE:
            self._output.result(plain_lines(outcomes))


def _masked(outcome: Outcome) -> Outcome:
    return msgspec.convert(redactor.data(msgspec.to_builtins(outcome)), Outcome)
