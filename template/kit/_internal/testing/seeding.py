"""Lets each test begin with the same made-up values, if it uses factories."""

import sys

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    # Imported by the tests that use it: polyfactory takes most of a second.
    module = sys.modules.get("kit.testing.factories")
    if module is not None:
        module.restart()
