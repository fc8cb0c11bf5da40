"""Imports modules that need another driver or packages for development, when they are needed."""

from kit._internal.dialect import MigrationDialect, TestingDialect


def load_migrations() -> MigrationDialect:
    from kit._internal.postgresql import migrations  # noqa: PLC0415

    return migrations


def load_testing() -> TestingDialect:
    from kit._internal.postgresql import testing  # noqa: PLC0415

    return testing
