"""`chronos export crontab`."""

from chronos_cli.app.exporting import ExportRequest
from chronos_cli.cli import exporting
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import ConfigPath, EnvFile, JobIds, Jobs, Tags, Verbose, choice_of
from chronos_cli.export.crontab import crontab


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    jobs: Jobs,
    job: JobIds = None,
    tag: Tags = None,
    directory: exporting.Directory = None,
    force: exporting.Force = False,
    program: exporting.Program = None,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Write jobs as a crontab; say what cron cannot do of them.

    Nothing is sent, and no variable or secret is needed.

    Exit codes: 0 written, 2 usage, 3 invalid files, or a job is left out.

    Examples:
      chronos export crontab jobs/
      chronos export crontab jobs/ --env-file /etc/chronos/env --directory .
    """
    request = ExportRequest(
        paths=jobs,
        config=config,
        env_files=env_file,
        choice=choice_of(job, tag),
        program=exporting.program_path(program),
    )
    found = exporting.load(request)
    export = crontab(found.jobs, found.place)
    return exporting.write(found, export, directory, force=force, join=_joined)


def _joined(files: dict[str, str]) -> str:
    return "".join(files.values())
