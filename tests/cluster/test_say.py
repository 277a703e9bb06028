"""What is said of troubles that come by the thousand."""

from chronos_cli.cluster.clock import ClusterClock
from chronos_cli.cluster.host import ClusterHost
from chronos_cli.cluster.say import Troubles
from chronos_cli.cron.clock import SystemLoopClock
from chronos_cli.cron.events import Events, LoopEvent
from chronos_cli.jobs.config import Cluster
from chronos_cli.redact import Redactor
from tests.cluster.test_pull import HandClock


def test_a_right_that_is_missing_is_told_once_a_minute_and_not_for_each_tick() -> None:
    told: list[LoopEvent] = []
    clock = ClusterClock(SystemLoopClock())
    events = Events(clock, told.append)
    host = ClusterHost("nats://127.0.0.1:1", Cluster(), clock, events, Redactor(), None)
    words = "nats: permissions violation for publish to"
    for number in range(1000):
        host._on_refused(f'{words} "$js.ack.chronos_g_ticks.hosts.1.{number}.{number}.17.0"')
        host._on_refused(f'{words} "chronos.g.outcome.j{number}.17"')
    assert [str(one).count("the server refuses this host") for one in told] == [1, 1]


def test_what_was_said_long_ago_is_forgotten() -> None:
    clock = HandClock()
    troubles = Troubles(clock, Events(clock, lambda _: None))
    for _ in range(1000):
        clock.seconds += 1
        troubles.warn(f"tick {clock.seconds}", "gone")
    assert len(troubles._said) <= 60
