"""`--dry-run`: what would be sent, by any command that sends."""

import asyncio
from collections.abc import Sequence

from chronos_cli.app.preview import previews
from chronos_cli.app.workspace import Workspace
from chronos_cli.cli.exit_codes import ExitCode, exit_code
from chronos_cli.cli.options import OutputFormat
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.warn import warn
from chronos_cli.dispatch.execution import Execution
from chronos_cli.report.preview import preview_lines, previews_document


def show(workspace: Workspace, executions: Sequence[Execution], output: OutputFormat) -> ExitCode:
    """Print every first attempt; return what `run` would if only templates could fail."""
    warn((execution.job for execution in executions), Output())
    shown, failures = asyncio.run(previews(workspace.dispatchers(), executions, redactor.data))
    code = exit_code(failures)
    every = (one for item in shown for one in (item, *item.notices))
    notes = (note for one in every if one.preview for note in one.preview.notes)
    for note in dict.fromkeys(notes):
        Output().note(f"dry run: {note}")
    if output in {OutputFormat.JSON, OutputFormat.JSONL}:
        Output().json(previews_document(shown, code))
    else:
        Output().result(preview_lines(shown, redactor.text))
    return code
