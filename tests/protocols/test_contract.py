"""The contract that ships with Chronos, over every protocol that is registered."""

from chronos_cli.testing.contract import Contract


class TestContract(Contract):
    """Every test, with every harness of `conftest.py`."""
