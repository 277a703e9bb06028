"""Carrying executions out under the eyes of a user: signals, progress, the report."""

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, structs

from chronos_cli.app.batch import Batch, BatchOptions
from chronos_cli.app.workspace import Workspace
from chronos_cli.cli.exit_codes import ExitCode, exit_code, weight
from chronos_cli.cli.options import OutputFormat
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.signals import StopSignals, leave_if_held_up
from chronos_cli.cli.streams import streams
from chronos_cli.cli.warn import warn
from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.executor import Executor
from chronos_cli.dispatch.journal import Journal
from chronos_cli.dispatch.notifier import notice_of, told_of
from chronos_cli.dispatch.outcome import Attempt, Notice, Outcome
from chronos_cli.dispatch.trace import collects_traces
from chronos_cli.report.outcomes import (
    failure_line,
    failure_lines,
    plain_lines,
    run_document,
    summary,
)

if TYPE_CHECKING:
    from chronos_cli.cli.signs import Signs
    from chronos_cli.dispatch.telemetry import Telemetry


class RunOptions(Struct, frozen=True, kw_only=True):
    """How executions are carried out and reported."""

    output: OutputFormat
    quiet: bool
    concurrency: int
    fail_fast: bool
    junit: str | None = None
    makes_up: bool = False
    verbose: bool = False


def carry_out(
    workspace: Workspace,
    executions: Sequence[Execution],
    options: RunOptions,
    journal: Journal,
) -> ExitCode:
    """Carry all executions out once, in an event loop of their own; return the exit code."""
    return asyncio.run(execute(workspace, executions, options, journal))


async def execute(
    workspace: Workspace,
    executions: Sequence[Execution],
    options: RunOptions,
    journal: Journal,
) -> ExitCode:
    """Carry all executions out once and report; return the exit code."""
    console = _BatchConsole(workspace, executions, options)
    try:
        code = await console.exit_code(journal)
    finally:
        journal.close()
    return leave_if_held_up(code)


class _BatchConsole:
    """Carries out a batch, listens to signals, and reports."""

    def __init__(
        self, workspace: Workspace, executions: Sequence[Execution], options: RunOptions
    ) -> None:
        self._workspace = workspace
        self._executions = executions
        self._options = options
        self._output = Output()
        self._clock = SystemClock()
        self._signs: Signs | None = None
        self._executor: Executor | None = None
        # By job and execution: outcomes whose notices are under way, and how notices ended.
        self._telling: dict[tuple[str, str], Outcome] = {}
        self._notices: dict[tuple[str, str], list[Notice]] = {}

    async def exit_code(self, journal: Journal) -> ExitCode:
        """Carry everything out; return the exit code after the report is written."""
        if not self._options.quiet:
            warn((execution.job for execution in self._executions), self._output)
        dispatchers = self._workspace.dispatchers()
        telemetry = self._telemetry()
        executor = Executor(self._clock, journal, self, redactor.data, telemetry)
        self._executor = executor
        options = BatchOptions(
            self._options.concurrency, self._options.fail_fast, self._options.makes_up
        )
        batch = Batch(executor, dispatchers, options)
        signals = StopSignals(batch.stop)
        signals.listen()
        outcomes = await self._outcomes(batch)
        code = exit_code({outcome.status for outcome in outcomes}, signals.number)
        if batch.failure is not None:
            code = ExitCode.BUG
        masked = [_masked(self._whole(outcome)) for outcome in outcomes]
        self._report(masked, code)
        self._report_to_ci(masked)
        await dispatchers.close()
        if telemetry is not None:
            await telemetry.close()
        if batch.failure is not None:
            raise batch.failure
        return code

    def _telemetry(self) -> "Telemetry | None":
        """Return what tells of all this to whoever collects traces, if anybody does."""
        if not collects_traces(os.environ):
            return None
        from chronos_cli.app.tracing import open_telemetry

        return open_telemetry(os.environ, self._clock, redactor, self._warn)

    def _warn(self, message: str) -> None:
        if not self._options.quiet:
            self._output.note(f"chronos: warning: {message}")

    async def _outcomes(self, batch: Batch) -> list[Outcome]:
        """Carry everything out, with signs of life on a terminal."""
        if self._options.quiet or not streams.stderr.isatty():
            return await batch.outcomes(self._executions)
        from chronos_cli.cli.signs import Signs  # not for a crontab line

        async with Signs(self._clock, self._executions) as self._signs:
            return await batch.outcomes(self._executions)

    def on_attempt(self, execution: Execution, attempt: Attempt, wait: float | None) -> None:
        """Show what is going on, and with `--verbose` say it."""
        if self._signs is not None:
            self._signs.on_attempt(execution, attempt, wait)
        if self._options.verbose:
            from chronos_cli.report.attempts import attempt_line

            most = execution.job.spec.retry_policy.max_attempts
            self._output.note(attempt_line(execution.job.id, attempt, most, wait))

    def on_outcome(self, outcome: Outcome) -> None:
        """Count an execution that has ended; `jsonl` prints it as soon as its notices have."""
        if self._signs is not None:
            self._signs.on_outcome(outcome.execution_id)
        if self._options.output is not OutputFormat.JSONL or self._options.quiet:
            return
        assert self._executor is not None
        if self._executor.notifier.is_telling_of(outcome.job_id, outcome.execution_id):
            self._telling[outcome.job_id, outcome.execution_id] = outcome
        else:
            self._output.json(msgspec.to_builtins(outcome), indent=None)

    def on_notice(self, outcome: Outcome) -> None:
        """Say so when telling of an outcome failed: it does not change the outcome itself."""
        key, notice = told_of(outcome), notice_of(outcome)
        self._notices.setdefault(key, []).append(notice)
        if outcome.status.is_failure:
            words = f"chronos: the notice {notice.hook} did not get through"
            self._output.note(f"{words}: {failure_line(outcome)}")
        assert self._executor is not None
        if key in self._telling and not self._executor.notifier.is_telling_of(*key):
            whole = self._whole(self._telling.pop(key))
            self._output.json(msgspec.to_builtins(whole), indent=None)

    def _whole(self, outcome: Outcome) -> Outcome:
        """Return an outcome with what became of its notices."""
        ended = self._notices.get((outcome.job_id, outcome.execution_id))
        if ended is None:
            return outcome
        return structs.replace(outcome, notices=[*outcome.notices, *ended])

    def _report_to_ci(self, outcomes: list[Outcome]) -> None:
        """Write the reports that a CI server shows."""
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from chronos_cli.cli.github import write_summary

            if self._options.output is not OutputFormat.GITHUB:
                self._annotate(outcomes)
            write_summary(outcomes, os.environ, self._output.note)
        if self._options.junit is not None:
            self._write_junit(self._options.junit, outcomes)

    def _annotate(self, outcomes: list[Outcome]) -> None:
        """Write a line for GitHub for each job that failed."""
        from chronos_cli.cli.github import Failure, failure_annotations

        failures = [
            Failure(outcome.job_id, failure_line(outcome), execution.job.position)
            for outcome, execution in zip(outcomes, self._executions, strict=True)
            if outcome.status.is_failure
        ]
        is_asked_for = self._options.output is OutputFormat.GITHUB
        found = failure_annotations(failures, os.environ)
        self._output.annotate(found, is_asked_for=is_asked_for)

    def _write_junit(self, path: str, outcomes: list[Outcome]) -> None:
        """Write the report; that it cannot be written changes nothing of what was sent."""
        from chronos_cli.files import open_to_write
        from chronos_cli.report.junit import junit_document

        try:
            text = redactor.text(junit_document(outcomes))
            with open(
                path, "w", encoding="utf-8", errors="backslashreplace", opener=open_to_write
            ) as stream:
                stream.write(text)
        except OSError as error:
            self._output.note(f"chronos: cannot write {path}: {error.strerror}")

    def _report(self, outcomes: list[Outcome], code: ExitCode) -> None:
        is_for_people = self._options.quiet or self._options.output is OutputFormat.TABLE
        if self._options.makes_up and is_for_people:
            outcomes = [_named_by_time(outcome) for outcome in outcomes]
        if self._options.quiet:
            failed = [outcome for outcome in outcomes if outcome.status.is_failure]
            for line in failure_lines(sorted(failed, key=lambda one: weight(one.status))):
                self._output.note(line)
        elif self._options.output is OutputFormat.JSON:
            self._output.json(run_document(outcomes, code))
            self._output.sum_up(summary(outcomes))
        elif self._options.output is OutputFormat.JSONL:
            self._output.sum_up(summary(outcomes))
        elif self._options.output is OutputFormat.GITHUB:
            self._annotate(outcomes)
            self._output.sum_up(summary(outcomes))
        elif streams.stdout.isatty():
            from chronos_cli.report.table import outcome_table  # imports Rich

            self._output.table(lambda width: outcome_table(outcomes, width))
        else:
            paint = self._output.paint(streams.stdout)
            self._output.painted(plain_lines(outcomes, paint))


def _named_by_time(outcome: Outcome) -> Outcome:
    """Return an outcome that shows which of a job's ticks it is of."""
    return structs.replace(outcome, job_id=f"{outcome.job_id} {outcome.scheduled_time}")


def _masked(outcome: Outcome) -> Outcome:
    if not redactor.may_change(outcome):
        return outcome
    return msgspec.convert(redactor.data(msgspec.to_builtins(outcome)), Outcome)
