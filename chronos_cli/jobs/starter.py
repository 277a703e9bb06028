"""A job file to start from, made of a protocol's own struct."""

from collections.abc import Sequence
from typing import Any

from chronos_cli.jobs.document import parse
from chronos_cli.jobs.key_examples import example_of, has_example, metadata_of
from chronos_cli.jobs.model import Target, TargetKind
from chronos_cli.jobs.problems import ProblemList
from chronos_cli.jobs.read import Reader, type_info
from chronos_cli.jobs.typed import read_struct

SCHEMA_FILE = "job.schema.json"


def starter(key: str, kind: TargetKind, name: str) -> str:
    """Return the text of a job over a protocol, valid as it stands.

    Each of its comments is a key that is valid when its `# ` is taken away; the first line, which
    is for editors, is the exception. What is filled in are the examples of the struct.
    """
    fields = _filled_in(kind)
    target = "".join(f"  {_line(field)}\n" for field in fields)
    notice = "".join(f"    {_example(field)}\n" for field in fields)
    return f"""\
# yaml-language-server: $schema={SCHEMA_FILE}
name: {name}
# schedule: "0 9 * * 1-5"  # for `chronos cron`; `chronos next` shows when
# timezone: Europe/Berlin
timeout: 30s  # of one attempt
retry_policy: {{max_attempts: 3, initial_interval: 1s}}
# payload: {{report: daily, day: "{{{{ scheduled_time | date('%Y-%m-%d') }}}}"}}
{key}:  # all its keys: chronos explain {key}
{target}\
on_failure:  # told when the last attempt has failed
  {key}:
{notice}"""


def _filled_in(kind: TargetKind) -> list[Any]:
    """Return the fields of a target block that it needs, as few as there can be."""
    fields = type_info(kind.target).fields
    needed = [field for field in fields if field.required]
    more = [field for field in fields if not field.required and has_example(field)]
    for count in range(len(more) + 1):
        chosen = [*needed, *more[:count]]
        if not _is_flawed(chosen, kind):
            break
    return [field for field in fields if field in chosen]


def _is_flawed(fields: Sequence[Any], kind: TargetKind) -> bool:
    """Whether a block of these keys is no target of its kind."""
    text = "".join(f"{_example(field)}\n" for field in fields) or "{}"
    problems = ProblemList()
    root = parse("", text.encode()).documents[0].root
    target = read_struct(Reader(problems, templates=True), root, kind.target, ())
    return bool(problems) or not isinstance(target, Target) or any(target.flaws())


def _line(field: Any) -> str:
    meaning = metadata_of(field.type).get("description", "").partition(";")[0]
    return f"{_example(field)}  # {meaning}" if meaning else _example(field)


def _example(field: Any) -> str:
    return example_of(field) or f"{field.encode_name}: …"
