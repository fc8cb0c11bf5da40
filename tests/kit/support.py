"""The service with which kit is tested, as functions."""

from app.main import create_app
from app.settings import Settings
from kit.settings import prefix_of
from kit.testing import TestedService

SERVICE = TestedService(create_app, Settings)
PREFIX = prefix_of(Settings)

serve = SERVICE.serve
settings_for = SERVICE.settings_for
