"""Reading job files for a command: its environment, its standard input, progress on a terminal."""

import os

from chronos_cli.app.workspace import Checked, Workspace, WorkspaceReader
from chronos_cli.cli.output import redactor
from chronos_cli.cli.progress import Progress
from chronos_cli.cli.streams import streams


def load_workspace(
    paths: list[str],
    config: str | None,
    env_files: list[str] | None = None,
    *,
    ids_per_file: bool = False,
) -> Workspace:
    """Read chronos.yaml and all jobs; raises as `WorkspaceReader.load`.

    With `ids_per_file` each file may have a job with the same ID.
    """
    with Progress("checking") as progress:
        return reader(progress, ids_per_file=ids_per_file).load(paths, config, env_files)


def check_files(
    paths: list[str], config: str | None, env_files: list[str] | None, *, with_variables: bool
) -> Checked:
    """Check files for `validate`; raises as `WorkspaceReader.check`."""
    with Progress("checking") as progress:
        return reader(progress).check(paths, config, env_files, with_variables=with_variables)


def reader(progress: Progress | None = None, *, ids_per_file: bool = False) -> WorkspaceReader:
    """Return what reads job files in this process's environment."""
    on_job = progress.advance if progress else lambda: None
    return WorkspaceReader(redactor, os.environ, streams.stdin, on_job, ids_per_file=ids_per_file)
