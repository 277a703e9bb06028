"""What a host that is looked at says of itself."""

import json
import time

from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.stage import Host
from tests.monitor.test_program import get


def site(host: Host) -> str:
    return str(host.wait_for("listening")[0]["url"])


def figures(host: Host) -> dict[str, float]:
    code, text = get(f"{site(host)}metrics")
    assert code == 200
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {
        one.name.removeprefix("chronos_cluster_") + one.labels.get("result", ""): one.value
        for one in samples
        if one.name.startswith("chronos_cluster_")
    }


def readiness(host: Host) -> tuple[int, str]:
    code, text = get(f"{site(host)}readyz")
    return code, json.loads(text)["status"]


def until_ready_is(host: Host, code: int, limit: float) -> tuple[float, str]:
    """Ask until the answer has this code; return how long it took, and the reason."""
    began = time.monotonic()
    while True:
        now, reason = readiness(host)
        took = time.monotonic() - began
        if now == code:
            return took, reason
        assert took < limit, f"{now}: {reason}\n{host.text}"
        time.sleep(0.1)
