"""`chronos resume`: let a paused job fire again."""

from typing import Annotated

from chronos_cli.cli.arguments import argument, option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import (
    ClusterSteeredUrl,
    ConfigPath,
    EnvFile,
    StatePath,
    Verbose,
    require_place,
)
from chronos_cli.cli.steering import IN_GROUP, WHERE, steer, steer_group, which_job


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    job: Annotated[str | None, argument(words="jobs", metavar="[ID]", help="The job.")] = None,
    all_jobs: Annotated[
        bool, option("--all", help="End the pause of all; jobs paused on their own stay so.")
    ] = False,
    catch_up: Annotated[
        bool,
        option("--catch-up", help="Make up for the ticks passed over, as missed_runs says."),
    ] = False,
    state: StatePath = None,
    cluster: ClusterSteeredUrl = None,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """End the pause of a job, or of all.

    Ticks that were passed over are not made up for, unless --catch-up asks for it.

    Exit codes: 0 resumed, or not paused at all, 2 usage or no such job, 3 the state or the servers
    cannot be used.

    Examples:
      chronos resume nightly
      chronos resume --all --catch-up
      chronos resume nightly --cluster nats://a,nats://b,nats://c
    """
    from chronos_cli.app.control import pausing
    from chronos_cli.cron.control import ResumeJob

    require_place(cluster, state, config, env_file)
    wanted = which_job(job, all_jobs=all_jobs)
    if cluster is not None:
        steer_group(
            cluster,
            config,
            env_file,
            wanted,
            lambda book, by: pausing.resume(book, wanted, by, catches_up=catch_up, where=IN_GROUP),
        )
        return ExitCode.SUCCESS
    steer(
        state,
        ResumeJob(wanted, catch_up),
        lambda book, by: pausing.resume(book, wanted, by, catches_up=catch_up, where=WHERE),
    )
    return ExitCode.SUCCESS
