"""What authors of plug-ins test with: the contract that every protocol keeps.

A test module gives the far sides of a protocol, and takes the tests over:

    @pytest.fixture(scope="module")
    def harness() -> MyHarness: ...

    class TestContract(Contract): ...
    class TestHostile(HostileContract): ...

`docs/plugins.md` has the whole of it. Needs pytest: `pip install 'chronos-dispatch[testing]'`.
"""

try:
    import pytest
except ModuleNotFoundError as error:
    MESSAGE = "pytest is not installed; run: pip install 'chronos-dispatch[testing]'"
    raise ModuleNotFoundError(MESSAGE, name=error.name) from error

# A failed assertion of the contract shows its values, as one in a test file does.
pytest.register_assert_rewrite(
    "chronos_cli.testing.contract", "chronos_cli.testing.hostile_contract"
)
