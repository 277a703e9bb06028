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
    """What a job would send, or why it could not be prepared; `notices` are those of the job.

    `hook` is the key of a notice in its job.
    """

    execution: Execution
    target: str
    preview: Preview | None
    failure: str | None = None
    hook: str | None = None
    notices: "Sequence[JobPreview]" = ()


def preview_lines(previews: Sequence[JobPreview], mask: Callable[[str], str]) -> str:
    """Return all previews as text, in the way that each protocol writes its messages.

    `mask` takes the secrets out of bodies, which may be cut; the rest is not masked yet.
    """
    shown = (one for item in previews for one in (item, *item.notices))
    return "\n".join(_block(item, mask) for item in shown)


def previews_document(previews: Sequence[JobPreview], exit_code: int) -> dict[str, Any]:
    """Return all previews as JSON data."""
    return {
        "schema_version": 1,
        "exit_code": exit_code,
        "dry_run": True,
        "results": [_data(item) for item in previews],
    }


def _block(item: JobPreview, mask: Callable[[str], str]) -> str:
    hook = f" {item.hook}" if item.hook else ""
    title = printable(f"# {item.execution.job.id}{hook}: {item.target}")
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
        "notices": [_notice_data(one) for one in item.notices],
    }
    return {**found, **_message_data(item)}


def _notice_data(item: JobPreview) -> dict[str, Any]:
    found = {"hook": item.hook, "protocol": item.execution.job.protocol, "target": item.target}
    return {**found, **_message_data(item)}


def _message_data(item: JobPreview) -> dict[str, Any]:
    if item.preview is None:
        return {"message": item.failure}
    request = {
        "summary": item.preview.summary,
        "headers": [list(pair) for pair in item.preview.headers],
        "body": item.preview.body,
    }
    return {"request": request}
