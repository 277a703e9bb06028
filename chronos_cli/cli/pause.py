"""`chronos pause`: pass over the ticks of a job for a while."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from chronos_cli.cli.arguments import argument, option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import (
    ClusterSteeredUrl,
    ConfigPath,
    EnvFile,
    StatePath,
    Verbose,
    parse_future,
    require_place,
    text_of,
)
from chronos_cli.cli.output import redactor
from chronos_cli.cli.steering import IN_GROUP, WHERE, steer, steer_group, which_job
from chronos_cli.errors import UsageError

if TYPE_CHECKING:
    from chronos_cli.app.control.grouped import GroupBook


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    job: Annotated[
        str | None, argument(words="jobs", metavar="[ID]", help="As `chronos status` lists it.")
    ] = None,
    all_jobs: Annotated[
        bool, option("--all", help="All jobs, also those that come later.")
    ] = False,
    reason: Annotated[
        str | None, option(metavar="TEXT", help="Why; status, log and live table show it.")
    ] = None,
    until: Annotated[
        str | None,
        option(
            metavar="T", help="It ends then: 2h (from now), a date, RFC 3339. Default: at resume."
        ),
    ] = None,
    state: StatePath = None,
    cluster: ClusterSteeredUrl = None,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Pass over the ticks of a job, or of all, until `chronos resume`.

    What runs goes on. It outlives restarts of the loop, and works while none runs. With --cluster
    it is for all hosts of a group, which is scheduler.cluster.group of chronos.yaml.

    Exit codes: 0 paused, or paused already, 2 usage or no such job, 3 the state or the servers
    cannot be used.

    Examples:
      chronos pause nightly --reason "migration" --until 2h
      chronos pause --all --reason "the data centre moves"
      chronos pause nightly --cluster nats://a,nats://b,nats://c
    """
    from chronos_cli.app.control import pausing
    from chronos_cli.cron.control import LONGEST_REASON, PauseJob
    from chronos_cli.state.entries import Pause

    require_place(cluster, state, config, env_file)
    wanted = which_job(job, all_jobs=all_jobs)
    why = None if reason is None else text_of("--reason", reason)
    if why is not None and not 0 < len(why) <= LONGEST_REASON:
        raise UsageError(f"--reason takes a text of 1 to {LONGEST_REASON} characters")
    end = parse_future("--until", until)
    if cluster is not None:

        def change(book: "GroupBook", by: str) -> str:
            # The secrets of chronos.yaml are known only now.
            masked = why and redactor.text(why)
            return pausing.pause(book, wanted, Pause(by, book.found.now, masked, end), IN_GROUP)

        steer_group(cluster, config, env_file, wanted, change)
        return ExitCode.SUCCESS
    request = PauseJob(wanted, why, end)
    steer(
        state,
        request,
        lambda book, by: pausing.pause(book, wanted, Pause(by, datetime.now(UTC), why, end), WHERE),
    )
    return ExitCode.SUCCESS
