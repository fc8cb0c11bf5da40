"""The hook by which a project names its service."""

import pytest

from kit.testing.service import TestedService


@pytest.hookspec(firstresult=True)
def pytest_kit_service() -> TestedService | None:
    """Return the service that kit's fixtures are for; tests/conftest.py has this."""
