"""The projects of these tests have all parts of telemetry."""

from collections.abc import Callable

import pytest

from harness.project import Project
from harness.template import DATABASES, TELEMETRY_PARTS


@pytest.fixture(scope="session", params=DATABASES)
def project(request: pytest.FixtureRequest, projects: Callable[..., Project]) -> Project:
    """Return a project with all parts after its own `make setup`; tests must not change it."""
    return projects(request.param, tuple(TELEMETRY_PARTS))


@pytest.fixture(scope="session", params=["sqlite"])
def light_project(request: pytest.FixtureRequest, projects: Callable[..., Project]) -> Project:
    """Return the project that is set up fastest, for tests that do not depend on the database."""
    return projects(request.param, tuple(TELEMETRY_PARTS))
