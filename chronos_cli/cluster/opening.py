"""A connection for a command that asks the cluster something and ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chronos_cli.cluster.api import Api
from chronos_cli.cluster.link import ADVICE, Link, NoAnswerError
from chronos_cli.cluster.options import connection_of, plan_of
from chronos_cli.cluster.streams import Plan
from chronos_cli.errors import StateError
from chronos_cli.jobs.config import Cluster


@asynccontextmanager
async def opened(url: str, settings: Cluster) -> AsyncIterator[tuple[Api, Plan]]:
    """Connect for the block; raises UsageError or StateError."""
    plan = plan_of(settings)
    link = Link(connection_of(url, settings))
    await link.open()
    try:
        yield Api(link), plan
    except NoAnswerError as error:
        raise StateError(f"--cluster: {error}; {ADVICE}") from error
    finally:
        await link.close()
