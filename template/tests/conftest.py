"""What the tests share: kit's fixtures, for this service. Add your own below."""

from app.main import create_app
from app.settings import Settings
from kit.testing import TestedService

pytest_plugins = ["kit.testing.plugin"]


def pytest_kit_service() -> TestedService[Settings]:
    """Name the service that the fixtures `app`, `client` and `database` are for.

    environment={"NAME": "value"} sets environment variables; skip={"test_...": "why"} leaves out
    a check of test_checks.py.
    """
    return TestedService(create_app, Settings)
