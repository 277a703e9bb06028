"""`chronos export kubernetes`."""

from typing import Annotated

from chronos_cli import __version__
from chronos_cli.app.exporting import ExportRequest
from chronos_cli.cli import exporting
from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import (
    ConfigPath,
    EnvFile,
    JobIds,
    Jobs,
    Tags,
    Verbose,
    choice_of,
    text_of,
)
from chronos_cli.cli.output import Output
from chronos_cli.errors import UsageError
from chronos_cli.export.kubernetes import kubernetes
from chronos_cli.export.kubernetes_names import is_object_name
from chronos_cli.export.kubernetes_pod import Cluster


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    jobs: Jobs,
    job: JobIds = None,
    tag: Tags = None,
    image: Annotated[
        str | None,
        option(
            "--image",
            metavar="IMAGE",
            help="The container image that has chronos. Default: chronos, of this version.",
            show_default=False,
        ),
    ] = None,
    secret: Annotated[
        str,
        option(
            "--secret", metavar="NAME", help="The Secret with the values of ${…} and ${file:…}."
        ),
    ] = "chronos",  # noqa: S107 - a name
    directory: exporting.Directory = None,
    force: exporting.Force = False,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Write jobs as CronJobs of Kubernetes; say what it cannot do of them.

    Nothing is sent, and no variable or secret is needed.

    Exit codes: 0 written, 2 usage, 3 invalid files, or a job is left out.

    Examples:
      chronos export kubernetes jobs/ --image registry.example.com/chronos:1
      chronos export kubernetes jobs/ --tag team=finance --directory manifests
    """
    if not is_object_name(secret):
        raise UsageError(f"--secret takes the name of a Secret, not '{secret}'")
    request = ExportRequest(
        paths=jobs,
        config=config,
        env_files=env_file,
        choice=choice_of(job, tag),
        program="chronos",
        takes_stdin=True,
    )
    found = exporting.load(request)
    named = text_of("--image", image) if image else f"chronos:{__version__}"
    cluster = Cluster(named, secret)
    export = kubernetes(found.jobs, found.place, cluster)
    if image is None and export.files:
        Output().note(f"chronos: note: the image is {cluster.image}; --image names another")
    return exporting.write(found, export, directory, force=force, join=_joined)


def _joined(files: dict[str, str]) -> str:
    return "---\n".join(files.values())
