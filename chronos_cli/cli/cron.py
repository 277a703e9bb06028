"""`chronos cron`: the schedule, in the foreground."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import (
    ClusterUrl,
    ConfigPath,
    EnvFile,
    JobIds,
    Jobs,
    StatePath,
    Tags,
    Var,
    Verbose,
    choice_of,
    variables,
)
from chronos_cli.cli.recording import state_path
from chronos_cli.errors import UsageError
from chronos_cli.units import parse_duration

if TYPE_CHECKING:
    from chronos_cli.monitor.access import Listen


class LogFormat(StrEnum):
    """How events are written to stderr."""

    TEXT = "text"
    JSON = "json"


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    jobs: Jobs,
    job: JobIds = None,
    tag: Tags = None,
    var: Var = None,
    concurrency: Annotated[
        int | None,
        option(
            min=1,
            max=100_000,
            metavar="N",
            help="Executions at the same time. Default: scheduler.max_concurrent_jobs, else 100.",
            show_default=False,
        ),
    ] = None,
    grace: Annotated[
        str,
        option(metavar="TIME", help="What running jobs may take when stopped by a signal."),
    ] = "30s",
    watch: Annotated[
        bool, option("--watch", help="Reload when a file changes; SIGHUP always does.")
    ] = False,
    log_format: Annotated[
        LogFormat | None,
        option(
            "--log-format",
            help="Events on stderr as logfmt (text) or JSON. Default: text, on a terminal words.",
            show_default=False,
        ),
    ] = None,
    live: Annotated[
        bool,
        option(
            "--live", help="On a terminal: a table of the jobs below the events; else no effect."
        ),
    ] = False,
    cluster: ClusterUrl = None,
    listen: Annotated[
        str | None,
        option(
            "--listen",
            metavar="HOST:PORT",
            help="A status page, /metrics, /healthz and /readyz there, such as 127.0.0.1:9190.",
            show_default=False,
        ),
    ] = None,
    listen_token_file: Annotated[
        str | None,
        option(
            "--listen-token-file",
            metavar="PATH",
            help="Ask for the bearer token in this file; needed where others can connect.",
            show_default=False,
        ),
    ] = None,
    state: StatePath = None,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Fire jobs on their schedules, in the foreground, until SIGTERM or SIGINT.

    Exit codes: 0 stopped and everything had ended, 130/143 a job was cut off by the stop,
    2 usage, 3 it could not start: invalid files, nothing scheduled, or the state is unusable.

    Environment:
      NOTIFY_SOCKET      systemd is told of the start, reloads, the stop
      WATCHDOG_USEC      and that all is well, by the process of WATCHDOG_PID

    Examples:
      chronos cron jobs/
      chronos cron /etc/chronos/jobs --watch --log-format json
      chronos cron jobs/ --tag team=finance --concurrency 20
      chronos cron jobs/ --cluster nats://a,nats://b,nats://c
    """
    from chronos_cli.app.service import ServiceOptions  # the whole loop, and SQLite
    from chronos_cli.cli.serve import LoopConsole

    try:
        seconds = parse_duration(grace)
    except ValueError as error:
        raise UsageError(f"--grace: {error}") from error
    if cluster is not None and state is not None:
        raise UsageError("--state and --cluster exclude each other: the cluster keeps the state")
    options = ServiceOptions(
        paths=jobs,
        config=config,
        env_files=env_file,
        state=state_path(state),
        cluster=cluster,
        choice=choice_of(job, tag),
        variables=variables(var),
        max_concurrent=concurrency,
        grace=seconds,
        watch=watch,
        listen=_listen(listen, listen_token_file),
    )
    return LoopConsole(options, log_format and log_format.value, live=live).run()


def _listen(listen: str | None, token_file: str | None) -> "Listen | None":
    if listen is None and token_file is None:
        return None
    from chronos_cli.cli.listen_options import listen_of  # the server

    return listen_of(listen, token_file)
