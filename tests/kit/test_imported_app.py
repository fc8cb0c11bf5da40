"""A module of tests may import the application; the fixtures, not this object, have a database."""

import os

import app.main
from app.main import app as imported_app
from tests.kit.support import settings_for
from kit._internal.database import load_testing_dialect
from kit.application import Service

UNUSED = settings_for(load_testing_dialect().UNUSED_URL).database_url


def test_imported_app_is_the_same_everywhere() -> None:
    assert isinstance(imported_app, Service)
    assert app.main.app is imported_app


def test_imported_app_has_a_database_that_no_test_uses() -> None:
    assert imported_app.state.settings.database_url == UNUSED


def test_url_is_set_only_while_modules_are_imported() -> None:
    assert "DATABASE_URL" not in os.environ
