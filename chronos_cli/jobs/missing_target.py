"""What to say of a job or a notice that has no target block."""

from chronos_cli.jobs.examples import example_target, fields
from chronos_cli.jobs.forms import describe
from chronos_cli.jobs.model import NOTICES, DispatchSpec, JobSpec, TargetKinds
from chronos_cli.jobs.nodes import Mapping, Node, Scalar
from chronos_cli.jobs.unknown_keys import TARGET, UnknownKeys
from chronos_cli.jobs.written import written
from chronos_cli.problems import Path


def no_target(node: Mapping, path: Path, kinds: TargetKinds) -> tuple[str, str] | None:
    """Return message and hint; None when an unknown key, of which it is told, was meant for one."""
    is_notice = bool(path) and path[-1] in NOTICES
    if _has_stand_in(node, DispatchSpec if is_notice else JobSpec, path, kinds):
        return None
    what = "the notice" if is_notice else "the job"
    known = ", ".join(kinds.target_keys())
    return f"{what} has no target", f"add one of {known}, such as: {example_target(kinds)}"


def no_notice(node: Node, name: str, kinds: TargetKinds) -> tuple[str, str]:
    """Return message and hint for a notice that is no mapping."""
    value = written(node) if isinstance(node, Scalar) and "://" in node.text else None
    message = f"expected a mapping with a target block, found {describe(node)}"
    return message, f"write: {name}: {{{example_target(kinds, value)}}}"


def _has_stand_in(node: Mapping, cls: type, path: Path, kinds: TargetKinds) -> bool:
    """Whether one of a job's unknown keys was told to become a target block."""
    keys = kinds.target_keys()
    known = [*fields(cls), *keys, *NOTICES]
    adviser = UnknownKeys(node, cls, path, known, kinds)
    unknown = (entry for name, entry in node.entries.items() if name not in known)
    return any(adviser.advice(entry).meant == TARGET for entry in unknown)
