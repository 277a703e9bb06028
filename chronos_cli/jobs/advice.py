"""What people write who come from other tools, and what to write here.

An advice that begins with a key is the line to write, with `{value}` for what the user wrote;
any other is said as it is.
"""

_SHELL = (
    "chronos runs no commands: it sends a message to a server that does the work; "
    "write a target block such as '{target}'"
)
_RETRY = "retry_policy: {{max_attempts: {value}}}"
_BACKOFF = "retry_policy: {{initial_interval: {value}}}"
_VARIABLES = (
    "variables come from the environment that chronos starts in, or from --env-file; "
    'a value takes one in as "${{NAME}}"'
)
_ORDER = (
    "jobs do not wait for each other: list them in one file and run it with "
    "'chronos run --fail-fast --concurrency 1'"
)
_CONCURRENCY = "concurrency: forbid"
_MAIL = "chronos sends no mail; write 'on_failure:' with a target block that does"

JOB_KEYS = {
    "cron": "schedule: {value}",
    "crontab": "schedule: {value}",
    "when": "schedule: {value}",
    "interval": "schedule: {value}",
    "every": "schedule: {value}",
    "at": "schedule: {value}",
    "tz": "timezone: {value}",
    "time_zone": "timezone: {value}",
    "title": "name: {value}",
    "label": "name: {value}",
    "labels": "tags: {value}",
    "comment": "description: {value}",
    "retries": _RETRY,
    "retry": _RETRY,
    "attempts": _RETRY,
    "max_retries": _RETRY,
    "max_attempts": _RETRY,
    "backoff": _BACKOFF,
    "retry_delay": _BACKOFF,
    "body": "payload: {value}",
    "data": "payload: {value}",
    "json": "payload: {value}",
    "message": "payload: {value}",
    "params": "payload: {value}",
    "arguments": "payload: {value}",
    "args": "payload: {value}",
    "overlap": _CONCURRENCY,
    "singleton": _CONCURRENCY,
    "max_instances": _CONCURRENCY,
    "concurrency_policy": _CONCURRENCY,
    "concurrencyPolicy": _CONCURRENCY,
    "disabled": "enabled: false",
    "suspend": "enabled: false",
    "active": "enabled: {value}",
    "command": _SHELL,
    "cmd": _SHELL,
    "run": _SHELL,
    "script": _SHELL,
    "shell": _SHELL,
    "exec": _SHELL,
    "image": _SHELL,
    "steps": _SHELL,
    "tasks": _SHELL,
    "environment": _VARIABLES,
    "env": _VARIABLES,
    "env_file": _VARIABLES,
    "variables": _VARIABLES,
    "vars": "values for templates are given on the command line: --var name=value, used as "
    '"{{{{ vars.name }}}}"',
    "defaults": "it stands beside 'jobs:', a list; write its keys at the left, as this job's own",
    "depends_on": _ORDER,
    "needs": _ORDER,
    "after": _ORDER,
    "on_error": "on_failure: {value}",
    "on_fail": "on_failure: {value}",
    "notify": "on_failure: {{{target}}}",
    "notifications": "on_failure: {{{target}}}",
    "email": _MAIL,
    "mailto": _MAIL,
    "type": "the name of the target block says it: remove this line",
    "kind": "the name of the target block says it: remove this line",
    "protocol": "the name of the target block says it: remove this line",
    "job": "the keys of a job stand at the left, without 'job:'; several jobs are a list: 'jobs:'",
}
# Those that say what the job does, so that nobody needs to hear of a missing target as well.
STAND_FOR_A_TARGET = frozenset("command cmd run script shell exec image steps tasks job".split())
# In a notice they stand where its target should.
MAIL = frozenset({"email", "mailto"})
