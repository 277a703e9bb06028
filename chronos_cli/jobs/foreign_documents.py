"""What a whole document is that is no job file: a list, a text, the file of another tool."""

from collections.abc import Iterator

from chronos_cli.jobs.nodes import Mapping, Node, Scalar, Sequence
from chronos_cli.jobs.written import quoted
from chronos_cli.problems import Position

_ELSEWHERE = "keep it out of the folder of the jobs, or name the job files one by one"
# A workflow has a name, as a job has, but no job has such keys.
_NAMED = frozenset({"on", "jobs"})
# The keys by which a tool's file is known.
_TOOLS = {
    frozenset({"apiVersion", "kind"}): "a Kubernetes manifest",
    _NAMED: "a workflow of GitHub Actions",
    frozenset({"services"}): "a Compose file",
    frozenset({"stages"}): "a pipeline of GitLab CI",
    frozenset({"hosts", "tasks"}): "a playbook of Ansible",
}

Finding = tuple[Position, str, str]


def what_it_is(root: Node) -> Finding | None:
    """Return where, what and what to do for a document that holds no job; None if it may."""
    return next(_findings(root), None)


def _findings(root: Node) -> Iterator[Finding]:
    if isinstance(root, Sequence):
        hint = "write a line 'jobs:' above the list"
        yield root.position, "a job must be a mapping, and this is a list", hint
    elif isinstance(root, Scalar):
        hint = "a job begins with a line such as: name: nightly-report"
        yield root.position, "a job must be a mapping, and this is text", hint
    else:
        yield from _of_tools(root)
        yield from _one_job(root)


def _of_tools(root: Mapping) -> Iterator[Finding]:
    for keys, what in _TOOLS.items():
        is_job = "name" in root.entries and keys != _NAMED
        if keys.issubset(root.entries) and not is_job:
            yield root.position, f"this is {what}, not a job file", _ELSEWHERE


def _one_job(root: Mapping) -> Iterator[Finding]:
    """`job:` around the keys of a job."""
    if list(root.entries) == ["job"] and isinstance(root.entries["job"].value, Mapping):
        hint = "remove the line 'job:', and write the keys below it at the left"
        yield root.position, "the keys of a job stand at the left", hint


def list_to_write(found: Node) -> str | None:
    """Return a hint where `jobs:` is no list: one job, or several by their names."""
    if not isinstance(found, Mapping) or not found.entries:
        return None
    first = next(iter(found.entries.values()))
    if "name" in found.entries:
        return f"write a '-' before the first key: '- {first.text}: …'"
    if isinstance(first.value, Mapping):
        return f"write each job as '- name: {quoted(first.text)}', with its keys below"
    return None
