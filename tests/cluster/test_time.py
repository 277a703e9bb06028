"""Clocks that are wrong, hosts that were away, and hosts whose jobs differ."""

import time
from collections.abc import Callable

import pytest

from tests.cluster.stage import Stage, counts, every_second, requests
from tests.cluster.test_kills import names, soon, wait_until
from tests.support import HttpServer

Stages = Callable[..., Stage]
Row = Callable[[object], None]


@pytest.mark.cluster
@pytest.mark.row(3, "one host +5 min, one -5 min, one that starts after the fast one wrote marks")
def test_wrong_clocks(stage: Stages, server: HttpServer, row: Row) -> None:
    jobs = names(3)
    here = stage(every_second(server, 3))
    for skew in (0.0, 299.0, -299.0):
        here.host(skew=skew).wait_for("started")
    time.sleep(4)
    first = soon()
    wait_until(first + 5)
    here.hosts[1].stop()  # which writes its marks
    here.host().wait_for("started")
    last = int(time.time())
    wait_until(last + 2.5)
    warned = [len(host.warnings("the cluster's time is used instead")) for host in here.hosts]
    here.stop()
    found = counts(requests(server, jobs), jobs, first, last)
    row(f"{found}; {warned[1]} and {warned[2]} warnings")
    assert not found.lost, here.logs()
    assert (found.lost, found.repeated) == (0, 0)
    assert found.early <= 1.0
    assert warned[1] >= 1
    assert warned[2] >= 1


@pytest.mark.cluster
@pytest.mark.row(3.1, "the servers' clock 5 min off")
def test_a_wrong_ruler(stage: Stages, server: HttpServer, row: Row) -> None:
    """All hosts agree, and the server that measures them does not: the hosts are believed."""
    jobs = names(3)
    here = stage(every_second(server, 3))
    for _ in range(3):
        here.host(skew=290)
    for host in here.hosts:
        host.wait_for("started")
    time.sleep(5)
    first = soon() + 290
    wait_until(first - 290 + 10)
    here.stop()
    sent = requests(server, jobs)
    found = counts(sent, jobs, first, first + 8)
    row(f"{found.due} due, {found.lost} lost, {found.repeated} repeated")
    assert (found.lost, found.repeated) == (0, 0)
    assert all(-1.5 <= one.late + 290 <= 1.5 for one in sent if first <= one.tick <= first + 8)


@pytest.mark.cluster
@pytest.mark.row(9, "all hosts away for an hour, back at different times")
def test_all_away_for_an_hour(stage: Stages, server: HttpServer, row: Row) -> None:
    def job(policy: str) -> dict[str, object]:
        target = {"url": f"{server.url}/status/200"}
        schedule = "*/10 * * * *"
        return {"name": policy, "schedule": schedule, "missed_runs": policy, "webhook": target}

    policies = ["ignore", "execute_one", "execute_all"]
    here = stage([job(policy.replace("_", "-")) | {"missed_runs": policy} for policy in policies])
    hour = 3600.0
    for _ in range(2):
        here.host(skew=-hour)
    for host in here.hosts:
        host.wait_for("started")
    left = time.time() - hour
    time.sleep(2)
    here.stop()
    before = len(requests(server, ["ignore", "execute-one", "execute-all"]))
    here.host().wait_for("started")
    time.sleep(1)
    here.host().wait_for("started")
    back = time.time()
    time.sleep(6)
    here.stop()
    every = [tick for tick in range(int(left), int(back) + 1) if tick % 600 == 0]
    sent = {name: requests(server, [name]) for name in ("ignore", "execute-one", "execute-all")}
    arrived = {name: len(ones) for name, ones in sent.items()}
    row(f"{len(every)} missed: {arrived}")
    if before or time.time() % 600 < 30:
        pytest.skip("a tick fell into the test itself")
    assert arrived == {"ignore": 0, "execute-one": 1, "execute-all": len(every)}
    assert sent["execute-one"][0].tick == every[-1]


@pytest.mark.cluster
@pytest.mark.row(12, "a host without the job, and one with another version of it")
def test_jobs_that_differ(stage: Stages, server: HttpServer, row: Row) -> None:
    jobs = names(2)
    here = stage(every_second(server, 2))
    other = every_second(server, 3, description="another version")
    here.write("other.yaml", {"jobs": [other[0], other[2]]})
    here.host()
    here.host(jobs="other.yaml")
    for host in here.hosts:
        host.wait_for("started")
    time.sleep(1.5)
    first = soon()
    wait_until(first + 14)  # which host is handed a tick is by chance
    unknown = [host.warnings("does not have") for host in here.hosts]
    versions = [host.warnings("another version of the job") for host in here.hosts]
    here.stop()
    found = counts(requests(server, jobs), jobs, first, first + 6)
    row(f"{found}; {len(unknown[1])} and {len(versions[1])} warnings")
    assert (found.lost, found.repeated) == (0, 0)
    assert [one["jobs"] for one in unknown[1]] == [["j1"]]
    assert [one["jobs"] for one in unknown[0]] == [["j2"]]
    assert all(one["jobs"] == ["j0"] for ones in versions for one in ones)
    assert all(len(ones) <= 1 for ones in versions)
    assert sum(map(len, versions)) >= 1
