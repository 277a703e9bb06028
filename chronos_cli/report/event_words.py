"""The loop's events in the words of people, for a terminal: `23:03:03 ✓ report 200 11 ms`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from chronos_cli.cron.events import EventKind, LoopEvent
from chronos_cli.report.text import Paint, count, milliseconds, printable, unpainted
from chronos_cli.units import format_duration

_Fields = dict[str, Any]
_ASCII = str.maketrans({"✓": "+", "✗": "x", "→": ">", "…": "~", "↻": "*", "·": "-"})
_COLOURS = {"✓": "green", "✗": "red", "!": "magenta"}
# Later than this, in milliseconds, is worth a word.
_LATE = 1000


def event_words(event: LoopEvent, paint: Paint = unpainted, *, ascii_only: bool = False) -> str:
    """Return an event as people say it, at the time of this machine's zone.

    What is painted is the mark. Problems of a reload stand below it, a line each.
    """
    mark, words = _WORDS.get(event.kind, _other)(event.fields, event)
    shown = mark.translate(_ASCII) if ascii_only else mark
    shown = paint(shown, _COLOURS[mark]) if mark in _COLOURS else shown
    lines = [f"{event.time.astimezone():%H:%M:%S} {shown} {printable(words)}"]
    return "\n".join([*lines, *(f"    {printable(str(one))}" for one in _details(event.fields))])


def _details(fields: _Fields) -> list[Any]:
    problems = fields.get("problems")
    return problems if isinstance(problems, list) else []


def _started(fields: _Fields, event: LoopEvent) -> tuple[str, str]:
    parts = [f"started with {count(fields['jobs'], 'job')}"]
    if "unscheduled" in fields:
        parts.append(f"{fields['unscheduled']} without a schedule")
    return "·", f"{', '.join(parts)}; {_next(fields, event)}"


def _listening(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    return "·", f"listening on {fields['url']}"


def _warning(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    more = f" and {fields['more']} more" if "more" in fields else ""
    names = f" ({', '.join(fields['jobs'])}{more})" if fields.get("jobs") else ""
    return "!", f"{fields['message']}{names}"


def _fired(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    late = fields.get("late_ms", 0)
    words = f" {milliseconds(late)} late" if late >= _LATE else ""
    words += f", triggered by {fields['triggered_by']}" if "triggered_by" in fields else ""
    return "→", f"{fields['job_id']} starts{words}"


def _attempt_failed(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    place = f"attempt {fields['attempt']}/{fields['max_attempts']}"
    wait = f"next in {format_duration(fields['next_in_s'])}"
    return "…", f"{fields['job_id']} {place} {_status(fields)}{_because(fields)}; {wait}"


def _ended(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    took = milliseconds(fields["duration_ms"])
    tried = f", {fields['attempts']} attempts" if fields["attempts"] > 1 else ""
    if fields["status"] == "succeeded":
        code = f" {fields['code']}" if fields.get("code") else ""
        return "✓", f"{fields['job_id']}{code} {took}{tried}"
    return "✗", f"{fields['job_id']} {_status(fields)} {took}{tried}{_because(fields)}"


def _passed_over(fields: _Fields, event: LoopEvent) -> tuple[str, str]:
    return "-", f"{fields['job_id']} {event.kind.value}{_because(fields)}"


def _missed(fields: _Fields, event: LoopEvent) -> tuple[str, str]:
    least = "at least " if fields.get("or_more") else ""
    words = f"{fields['job_id']} missed {least}{count(fields['missed'], 'run')}"
    if "last" in fields:
        words += f", the last at {_moment(fields['last'], event.time)}"
    return "!", f"{words}; {fields['executing'] or 'none'} made up for ({fields['policy']})"


def _recovered(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    what = "sent again" if fields["action"] == "retry" else "not sent again"
    return "↻", f"{fields['job_id']} {what}{_because(fields)}"


def _paused(fields: _Fields, event: LoopEvent) -> tuple[str, str]:
    until = f" until {_moment(fields['until'], event.time)}" if "until" in fields else ""
    reason = f": {fields['reason']}" if "reason" in fields else ""
    since = _moment(fields["at"], event.time)
    return "!", f"{_which(fields)} paused by {fields['by']} since {since}{until}{reason}"


def _resumed(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    why = f" by {fields['by']}" if "by" in fields else _because(fields)
    return "·", f"{_which(fields)} resumed{why}, {count(fields['passed_over'], 'tick')} passed over"


def _which(fields: _Fields) -> str:
    return "all jobs" if "scope" in fields else str(fields["job_id"])


def _heartbeat_restored(_fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    return "✓", "the heartbeat is sent again"


def _notice_failed(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    hook = f" {fields['hook']}" if "hook" in fields else ""
    return "✗", f"{fields['job_id']}: the notice{hook} did not get through{_because(fields)}"


def _notice_sent(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    return "✓", f"{fields['job_id']} {fields['hook']} sent, {fields['target']}"


def _notice_held(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    return "-", f"{fields['job_id']} {fields['hook']} not sent{_because(fields)}"


def _clock_set(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    way = "forward" if fields["by_s"] > 0 else "back"
    return "!", f"the clock was set {way} by {format_duration(abs(fields['by_s']))}"


def _clock_behind(fields: _Fields, event: LoopEvent) -> tuple[str, str]:
    until = _moment(fields["until"], event.time)
    return "!", f"until {until}: {fields['message']}; {_next(fields, event)}"


def _reloaded(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    kinds = ("added", "removed", "changed")
    changed = ", ".join(f"{fields[kind]} {kind}" for kind in kinds if kind in fields)
    return "↻", f"reloaded: {count(fields['jobs'], 'job')}, {changed or 'nothing changed'}"


def _draining(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    waiting = f", {fields['waiting']} not started" if "waiting" in fields else ""
    limit = format_duration(fields["grace_s"])
    return "·", f"stopping: {fields['running']} running{waiting}; they have {limit}"


def _stopped(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    cut = f", {fields['interrupted']} cut off" if "interrupted" in fields else ""
    return "·", f"stopped{cut}"


def _cluster(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    return "·", str(fields["message"])


def _failure(fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    return "✗", str(fields["message"])


def _restored(_fields: _Fields, _event: LoopEvent) -> tuple[str, str]:
    return "✓", "the state can be written again"


def _other(fields: _Fields, event: LoopEvent) -> tuple[str, str]:
    known = ", ".join(f"{name} {value}" for name, value in fields.items())
    return "·", f"{event.kind.value.replace('_', ' ')}: {known}"


_WORDS: dict[EventKind, Callable[[_Fields, LoopEvent], tuple[str, str]]] = {
    EventKind.STARTED: _started,
    EventKind.LISTENING: _listening,
    EventKind.WARNING: _warning,
    EventKind.FIRED: _fired,
    EventKind.ATTEMPT_FAILED: _attempt_failed,
    EventKind.ENDED: _ended,
    EventKind.SKIPPED: _passed_over,
    EventKind.DROPPED: _passed_over,
    EventKind.MISSED: _missed,
    EventKind.RECOVERED: _recovered,
    EventKind.PAUSED: _paused,
    EventKind.RESUMED: _resumed,
    EventKind.HEARTBEAT_FAILED: _failure,
    EventKind.HEARTBEAT_HELD: _failure,
    EventKind.HEARTBEAT_RESTORED: _heartbeat_restored,
    EventKind.NOTICE_FAILED: _notice_failed,
    EventKind.NOTICE_SENT: _notice_sent,
    EventKind.NOTICE_HELD: _notice_held,
    EventKind.CLOCK_SET: _clock_set,
    EventKind.CLOCK_BEHIND: _clock_behind,
    EventKind.STATE_FAILED: _failure,
    EventKind.STATE_RESTORED: _restored,
    EventKind.RELOADED: _reloaded,
    EventKind.RELOAD_REFUSED: _failure,
    EventKind.DRAINING: _draining,
    EventKind.STOPPED: _stopped,
    EventKind.CLUSTER: _cluster,
}


def _status(fields: _Fields) -> str:
    words = str(fields["status"]).replace("_", " ")
    return f"{words} {fields['code']}" if fields.get("code") else words


def _because(fields: _Fields) -> str:
    return f": {fields['message']}" if fields.get("message") else ""


def _next(fields: _Fields, event: LoopEvent) -> str:
    return f"next at {_moment(fields['next'], event.time)}" if "next" in fields else "none is due"


def _moment(text: str, now: datetime) -> str:
    """Write a time on this machine's clock, with its day if it is not today."""
    local = datetime.fromisoformat(text).astimezone()
    is_today = local.date() == now.astimezone().date()
    return local.strftime("%H:%M:%S" if is_today else "%a %Y-%m-%d %H:%M:%S")
