"""Every recipe is pasted, runs, and reaches its far side; test_brokers.py has those of brokers."""

import json

import pytest

from tests.docs.pages import lines
from tests.docs.recipes import RECIPES, paste
from tests.docs.stage import Stage
from tests.protocols.grpc_servers import GrpcServer

# The paths that a recipe's HTTP jobs and notices must have reached, and how often.
REACHED = {
    "A bearer token from a file": {"/report": 1},
    "A notice to Slack": {"/services/T0/B0/abcdef": 1, "/import": 1},
    "A notice to Teams": {"/workflows/abcdef": 1},
    "A health ping": {"/health": 1},
    "A dead man's switch": {"/backup": 1, "/2f1c8a": 1},
    "One job for each environment": {"/cache": 1},
    "Forty jobs from one template": {f"/shops/shop-{n:02}/sync": 1 for n in range(1, 41)},
    "One after another": {"/export": 1, "/transform": 1, "/publish": 1},
    "CI with JUnit": {"/deployed": 1},
    "No two at once, from a crontab": {"/poll": 2},
    "A signed webhook": {"/hooks/rebuild": 1},
    "Not on holidays": {"/bell": 1},
}


@pytest.mark.parametrize("heading", REACHED)
def test_a_recipe_over_http(heading: str, stage: Stage) -> None:
    paste(stage, RECIPES[heading])
    reached = [request.target for request in stage.receiver.seen]
    assert {path: reached.count(path) for path in REACHED[heading]} == REACHED[heading]
    assert len(reached) == sum(REACHED[heading].values())


def test_a_missed_night_is_made_up_for_once(stage: Stage) -> None:
    """An hour may begin meanwhile, and is then sent too."""
    listed, *_ = paste(stage, RECIPES["A night that was missed"])
    hours = stage.receiver.bodies("/sums")
    assert len(hours) >= 8
    assert len(set(hours)) == len(hours)
    assert "hourly-sums" in listed


def test_a_recipe_over_grpc(stage: Stage) -> None:
    server = GrpcServer()
    try:
        stage.addresses["jobs.example.com:9000"] = server.address
        paste(stage, RECIPES["gRPC health check"])
    finally:
        server.stop()


def test_slack_hears_of_the_third_failure_and_of_its_end(stage: Stage, closed_port: int) -> None:
    recipe = RECIPES["A notice to Slack"]
    export, _, run = lines(recipe[-1])
    stage.run(export)
    stage.write("chronos.yaml", "scheduler: {default_retry_policy: {max_attempts: 1}}")
    stage.addresses["https://api.example.com"] = f"http://127.0.0.1:{closed_port}"
    stage.write("slack.yaml", recipe[0].text)
    assert [stage.run(run).code for _ in range(4)] == [5] * 4
    del stage.addresses["https://api.example.com"]
    stage.write("slack.yaml", recipe[0].text)
    assert [stage.run(run).code for _ in range(2)] == [0, 0]
    told = [json.loads(body)["text"] for body in stage.receiver.bodies("/services/T0/B0/abcdef")]
    assert [text.split(" (")[0] for text in told] == [
        ":red_circle: nightly-import: unreachable",
        ":large_green_circle: nightly-import works again",
    ]


def test_no_recipe_is_left_out() -> None:
    others = {
        "A night that was missed",
        "Kafka, with key and headers",
        "A NATS request",
        "gRPC health check",
    }
    assert set(RECIPES) == {*REACHED, *others}
    assert len(RECIPES) >= 12
