"""Imports modules on demand that need another driver or development dependencies."""

from kit._internal.dialect import MigrationDialect, TestingDialect


def load_migrations() -> MigrationDialect:
    from kit._internal.postgresql import migrations  # noqa: PLC0415

    return migrations


def load_testing() -> TestingDialect:
    from kit._internal.postgresql import testing  # noqa: PLC0415

    return testing
