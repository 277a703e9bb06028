"""Messages as they would leave, for `--dry-run`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.plugin import Preview
from chronos_cli.report.text import printable

_LONGEST_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class JobPreview:
    """What a job would send, or why it could not be prepared."""

    execution: Execution
    target: str
    preview: Preview | None
    failure: str | None = None


def preview_lines(previews: Sequence[JobPreview], mask: Callable[[str], str]) -> str:
    """Return all previews as text, in the way that each protocol writes its messages.

    `mask` takes the secrets out of bodies, which may be cut; the rest is not masked yet.
    """
    return "\n".join(_block(item, mask) for item in previews)


def previews_document(previews: Sequence[JobPreview], exit_code: int) -> dict[str, Any]:
    """Return all previews as JSON data."""
    return {
        "schema_version": 1,
        "exit_code": exit_code,
        "dry_run": True,
        "results": [_data(item) for item in previews],
    }


def _block(item: JobPreview, mask: Callable[[str], str]) -> str:
    title = printable(f"# {item.execution.job.id}: {item.target}")
    if item.preview is None:
        return f"{title}\ncannot be prepared: {printable(item.failure or '')}\n"
    headers = [printable(f"{name}: {value}") for name, value in item.preview.headers]
    lines = [title, printable(item.preview.summary), *headers]
    if item.preview.body:
        body = mask(item.preview.body)
        lines += ["", *map(printable, body[:_LONGEST_BODY].splitlines())]
        if len(body) > _LONGEST_BODY:
            lines.append(f"({len(body) - _LONGEST_BODY} more characters)")
    return "\n".join(lines) + "\n"


def _data(item: JobPreview) -> dict[str, Any]:
    execution = item.execution
    found: dict[str, Any] = {
        "job_id": execution.job.id,
        "execution_id": execution.id,
        "protocol": execution.job.protocol,
        "target": item.target,
        "scheduled_time": execution.scheduled_time.isoformat(),
    }
    if item.preview is None:
        return {**found, "message": item.failure}
    request = {
        "summary": item.preview.summary,
        "headers": [list(pair) for pair in item.preview.headers],
        "body": item.preview.body,
    }
    return {**found, "request": request}
