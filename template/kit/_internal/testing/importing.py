"""Lets modules of tests import `app` of app.main, which reads the settings."""

from collections.abc import Generator
from typing import Any

import pytest

from kit._internal.database import load_testing_dialect
from kit._internal.testing.guard import name_databases
from kit._internal.testing.service import TestedService


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Set the URLs of databases to one that no test uses, until all modules are imported."""
    service: TestedService[Any] | None = session.config.hook.pytest_kit_service()
    if service is None:
        return (yield)
    url = load_testing_dialect().UNUSED_URL
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        name_databases(service, url, patch)
        return (yield)
