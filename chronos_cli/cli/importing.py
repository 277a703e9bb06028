"""What the commands of `chronos import` have in common: writing jobs, and what is to be known."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.writing import write_files
from chronos_cli.importing.jobs import ImportedJob
from chronos_cli.importing.masking import masked
from chronos_cli.report.text import count

Directory = Annotated[
    str | None,
    option(
        "--directory",
        metavar="DIR",
        help="Write a file for each job into this folder, and nothing to stdout.",
        show_default=False,
    ),
]
Force = Annotated[bool, option("--force", help="With --directory: overwrite files.")]

# Jobs that a note names.
_NAMED = 3


def shown(text: str) -> str:
    """Return a command line without its secrets."""
    return masked(text, redactor)


def write_jobs(jobs: Sequence[ImportedJob], rest: str, directory: str | None, force: bool) -> None:
    """Write jobs to stdout or into a folder; `rest` are comments on what is not among them.

    Raises UsageError before anything is written when a file is there already.
    """
    if directory is None:
        Output().document("---\n".join([*(job.text for job in jobs), *([rest] if rest else [])]))
        return
    files = {f"{job.id}.yaml": job.text for job in jobs}
    if rest:
        files["not-imported.txt"] = rest
    write_files(Path(directory), files, force=force)
    following = f"; next: chronos validate {directory}" if jobs else ""
    Output().note(f"wrote {count(len(files), 'file')} to {directory}{following}")


def tell(jobs: Iterable[ImportedJob]) -> None:
    """Say on stderr what is not carried over, and which variables the jobs need."""
    jobs = list(jobs)
    output = Output()
    remarks: dict[str, list[str]] = {}
    variables: dict[str, str] = {}
    for job in jobs:
        variables |= job.variables
        for remark in job.remarks:
            remarks.setdefault(remark, []).append(job.id)
    for remark, ids in remarks.items():
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        output.note(f"note: {remark} ({', '.join(ids[:_NAMED])}{more})")
    for name, what in variables.items():
        output.note(f"export {name}=…  # needed before these jobs run: {what}")
