"""The pytest hook in which a project names its service."""

from typing import Any

import pytest

from kit._internal.testing.service import TestedService


@pytest.hookspec(firstresult=True)
def pytest_kit_service() -> TestedService[Any] | None:
    """Return the service for kit's fixtures; tests/conftest.py implements this."""
