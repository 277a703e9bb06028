"""What authors of plug-ins test with: the contract that every protocol keeps.

A test module names the far sides of a protocol in a `Harness`, and takes the tests over:

    from chronos_cli.testing.contract import Contract

    class TestContract(Contract):
        @pytest.fixture(scope="module")
        def harness(self) -> Iterator[MyHarness]: ...

`docs/plugins.md` has the whole of it. Needs pytest: `pip install 'chronos-dispatch[testing]'`.
"""

try:
    import pytest
except ModuleNotFoundError as error:
    MESSAGE = "pytest is not installed; run: pip install 'chronos-dispatch[testing]'"
    raise ModuleNotFoundError(MESSAGE, name=error.name) from error

# A failed assertion of the contract shows its values, as one in a test file does.
pytest.register_assert_rewrite("chronos_cli.testing.contract")
