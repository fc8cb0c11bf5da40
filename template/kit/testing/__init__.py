"""A pytest plugin for services: a migrated database per worker, clients, and checks.

Name the plugin and the service in tests/conftest.py:

    pytest_plugins = ["kit.testing.plugin"]


    def pytest_kit_service() -> TestedService[Settings]:
        return TestedService(create_app, Settings)
"""

import pytest

pytest.register_assert_rewrite("kit.testing.checks", "kit._internal.testing.clients")

from kit._internal.testing.clients import (  # noqa: E402
    ClientAs,
    Log,
    Rows,
    as_principal,
    assert_problem,
    client_of,
    only,
)
from kit._internal.testing.databases import alembic_config, create_database, downgrade, upgrade  # noqa: E402
from kit._internal.testing.rows import add_rows, count_rows  # noqa: E402
from kit._internal.testing.service import TestedService  # noqa: E402

__all__ = [
    "ClientAs",
    "Log",
    "Rows",
    "TestedService",
    "add_rows",
    "alembic_config",
    "as_principal",
    "assert_problem",
    "client_of",
    "count_rows",
    "create_database",
    "downgrade",
    "only",
    "upgrade",
]
