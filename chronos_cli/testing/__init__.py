"""What authors of plug-ins test with: the contract that every protocol keeps.

A test module gives the far sides of a protocol, and takes the tests over:

    @pytest.fixture(scope="module")
    def harness() -> MyHarness: ...

    class TestContract(Contract): ...
    class TestHostile(HostileContract): ...

`docs/plugins.md` has the whole of it. Needs pytest, which the extra `testing` brings.
"""

try:
    import pytest
except ModuleNotFoundError as error:
    from chronos_cli.dispatch.install import OWN_PACKAGE, install_command

    MESSAGE = f"pytest is not installed; run: {install_command(OWN_PACKAGE, 'testing')}"
    raise ModuleNotFoundError(MESSAGE, name=error.name) from error

# A failed assertion of the contract shows its values, as one in a test file does.
pytest.register_assert_rewrite(
    "chronos_cli.testing.contract",
    "chronos_cli.testing.check_contract",
    "chronos_cli.testing.hostile_contract",
)
