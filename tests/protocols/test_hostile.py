"""The hostile far sides that ship with the contract, over every protocol that is registered."""

from chronos_cli.testing.hostile_contract import HostileContract


class TestHostile(HostileContract):
    """Every test, with every harness of `conftest.py`."""
