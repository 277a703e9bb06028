"""The jobs of a group of hosts, for a terminal. It imports Rich."""

from collections.abc import Sequence

from rich.console import RenderableType

from chronos_cli.cluster.status import ClusterStatus, GroupJob
from chronos_cli.report.cluster import TITLES, cells, head_lines
from chronos_cli.report.control_table import job_row, table_of


def jobs_table(status: ClusterStatus, jobs: Sequence[GroupJob]) -> RenderableType:
    """Return the jobs as a table, the pause of each below it, and the group as a whole."""
    rows = [job_row(cells(job), job.last, job.paused) for job in jobs]
    return table_of(TITLES, rows, head_lines(status, jobs))
