"""Reading job files for a command: its environment, its standard input, progress on a terminal."""

import os

from chronos_cli.app.workspace import Checked, Workspace, WorkspaceReader
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.progress import Progress
from chronos_cli.cli.streams import streams
from chronos_cli.jobs.scope import EVERYTHING, Choice, Scope
from chronos_cli.report.problems import aside_messages


def load_workspace(  # noqa: PLR0913 - what jobs are read with
    paths: list[str],
    config: str | None,
    env_files: list[str] | None = None,
    scope: Scope = EVERYTHING,
    *,
    quiet: bool = False,
    ids_per_file: bool = False,
) -> Workspace:
    """Read chronos.yaml and the jobs of a scope; raises as `WorkspaceReader.load`.

    What is wrong with other jobs is said on stderr, unless `quiet`. With `ids_per_file` each file
    may have a job with the same ID.
    """
    with Progress("checking") as progress:
        reading = reader(progress, ids_per_file=ids_per_file)
        workspace = reading.load(paths, config, env_files, scope)
    if not quiet:
        say_aside(workspace)
    return workspace


def check_files(
    paths: list[str],
    config: str | None,
    env_files: list[str] | None,
    choice: Choice,
    *,
    with_variables: bool,
) -> Checked:
    """Check files for `validate`; raises as `WorkspaceReader.check`."""
    with Progress("checking") as progress:
        checked = reader(progress).check(
            paths, config, env_files, choice, with_variables=with_variables
        )
    say_aside(checked.workspace)
    return checked


def say_aside(workspace: Workspace) -> None:
    """Say on stderr what is wrong with jobs that were not chosen."""
    for line in aside_messages(workspace.aside):
        Output().note(f"chronos: warning: {line}")


def reader(progress: Progress | None = None, *, ids_per_file: bool = False) -> WorkspaceReader:
    """Return what reads job files in this process's environment."""
    on_job = progress.advance if progress else lambda: None
    return WorkspaceReader(redactor, os.environ, streams.stdin, on_job, ids_per_file=ids_per_file)
