"""What tests of checks share: a job checked in this process, and its steps by their names."""

import asyncio
import json
from typing import Any

from chronos_cli.dispatch.check import Checked
from chronos_cli.dispatch.steps import Step
from chronos_cli.testing.inside import checked, job_of


def check(key: str, target: dict[str, Any], **keys: Any) -> Checked:
    """Check a job with a target block."""
    return asyncio.run(checked(job_of(job_text(key, target, **keys))))


def job_text(key: str, target: dict[str, Any], **keys: Any) -> str:
    return json.dumps({"name": "checked", "timeout": "5s", key: target, **keys})


def names(result: Checked) -> list[str]:
    return [step.name for step in result.steps]


def step(result: Checked, name: str) -> Step:
    """The one step of that name."""
    (found,) = [one for one in result.steps if one.name == name]
    return found


def failed(result: Checked) -> tuple[str, str, str]:
    """The status of the job, and the name and the message of the step that decided it."""
    last = result.steps[-1]
    assert last.status.value == result.status.value, result
    return result.status.value, last.name, last.message
