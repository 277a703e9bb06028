"""Whether a failed attempt is made again, and when: pure functions of the policy."""

import random as randomness

from chronos_cli.dispatch.outcome import Status
from chronos_cli.errors import DispatchError
from chronos_cli.jobs.model import RetryPolicy

# The names of a class: a status is also called as in reports.
_CLASSES = {
    Status.UNREACHABLE: {"unreachable"},
    Status.TIMED_OUT: {"timeout", "timed_out"},
    Status.REJECTED: {"rejected"},
}


def is_retryable(policy: RetryPolicy, status: Status, error: DispatchError) -> bool:
    """Whether the policy lists this failure: by its class, its kind, or the protocol's code."""
    if error.final or status not in _CLASSES:
        return False
    code = (error.code or "").split(" ")[0]
    names = {*_CLASSES[status], error.kind, error.code, code or None}
    if code.isdigit() and len(code) == 3:
        names.add(f"{code[0]}xx")
    return any(name in names or name.lower() in names for name in policy.retry_on)


def backoff(policy: RetryPolicy, attempt: int, random: randomness.Random) -> float:
    """Return the seconds to wait after attempt `attempt` (from 1): exponential, with jitter.

    The jitter varies the wait by up to that share both ways; `max_interval` bounds the result.
    """
    # The exponent is bounded because 2.0 ** 5000 overflows, and no interval is that long.
    growth = policy.multiplier ** min(attempt - 1, 100)
    interval = min(policy.initial_interval * growth, policy.max_interval)
    varied = interval * random.uniform(1 - policy.jitter, 1 + policy.jitter)
    return min(varied, policy.max_interval)


def wait_after(
    policy: RetryPolicy, attempt: int, error: DispatchError, random: randomness.Random
) -> float:
    """Return the wait before the next attempt: never shorter than the far side asked for."""
    return max(backoff(policy, attempt, random), error.retry_after or 0.0)
