"""The far sides of every protocol that is registered."""

from importlib import import_module

import pytest

from chronos_cli.dispatch.registry import Registry
from chronos_cli.testing.harness import Harness


@pytest.fixture(scope="module", params=Registry().target_keys())
def harness(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    module = import_module(f"tests.protocols.harness_{request.param}")
    opened: Harness = module.open_harness(tmp_path_factory.mktemp(request.param), request)
    return opened
