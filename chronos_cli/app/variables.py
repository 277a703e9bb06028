"""Whether the templates of jobs have what they need, before anything is due."""

from collections.abc import Iterable, Mapping

from chronos_cli.errors import InvalidInputError
from chronos_cli.jobs.model import Job
from chronos_cli.problems import Problem


def require_variables(jobs: Iterable[Job], given: Mapping[str, str]) -> None:
    """Raise InvalidInputError, with the jobs' places, where a `vars.x` is needed and not given."""
    from chronos_cli.jobs.template_variables import missing_variables

    problems = [
        Problem(
            job.position,
            f"the templates of '{job.id}' need vars.{name}, which is not given",
            hint=f"add --var {name}=…, or write {{{{ vars.{name} | default('…') }}}}",
        )
        for job in jobs
        for name in missing_variables(job, given)
    ]
    if problems:
        raise InvalidInputError(problems)
