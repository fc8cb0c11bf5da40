"""Where modules and names of 1.x are in 2.0.0, and where edits of each file belong."""

import re

MODULES = {
    "app.connections": "kit._internal.connections",
    "app.database_errors": "kit._internal.error_texts",
    "app.docs": "kit._internal.docs",
    "app.errors": "kit.errors",
    "app.health.readiness": "kit._internal.health.readiness",
    "app.limits": "kit._internal.limits",
    "app.logging": "kit.logging",
    "app.middleware": "kit._internal.middleware",
    "app.pagination": "kit.pagination",
    "app.postgresql": "kit._internal.postgresql.engine",
    "app.postgresql_errors": "kit._internal.postgresql.errors",
    "app.postgresql_privileges": "kit._internal.postgresql.privileges",
    "app.postgresql_servers": "kit._internal.postgresql.connector",
    "app.postgresql_url": "kit._internal.postgresql.url",
    "app.processes": "kit._internal.processes",
    "app.refusals": "kit._internal.refusals",
    "app.routing": "kit._internal.routing",
    "app.server": "kit._internal.http_connection",
    "app.sessions": "kit._internal.sessions",
    "app.sqlite": "kit._internal.sqlite.engine",
    "app.tables": "kit.models",
    "app.transport": "kit._internal.transport",
    "migrations.autogenerate": "kit._internal.migrations.autogenerate",
    "migrations.history": "kit._internal.migrations.history",
    "migrations.postgresql": "kit._internal.postgresql.migrations",
    "migrations.sqlite": "kit._internal.sqlite.migrations",
    "tests.databases": "kit.testing",
    "tests.guard": "kit._internal.testing.guard",
    "tests.postgresql": "kit._internal.postgresql.testing",
    "tests.rows": "kit.testing",
    "tests.serving": "kit.testing",
    "tests.sqlite": "kit._internal.sqlite.testing",
}

NAMES = {
    "app.db.Database": "kit.db",
    "app.db.is_duplicate": "kit.db",
    "app.db.select_by_key": "kit.db",
    "app.db.select_columns": "kit.db",
    "app.errors.MEDIA_TYPE": "kit._internal.problems",
    "app.models.base.NAMING_CONVENTION": "kit.models",
    "app.models.base.Timestamped": "kit.models",
    "app.models.base.UTCDateTime": "kit.models",
    "app.models.base.UUIDKey": "kit.models",
    "app.models.base.utc_now": "kit.models",
    "app.settings.Origin": "kit.settings",
    "app.settings.PROJECT_DIR": "kit.project",
    "app.settings.Seconds": "kit.settings",
    "app.settings.split_commas": "kit.settings",
}

# Names that were renamed in the same module.
RENAMED_NAMES = {"app.db": {"ReadDatabase": "ServiceDatabase"}}

# Attributes of Database that were renamed. Rewritten only in `database.writing` and
# `app.state.database.writing`, as the docs of 1.x write it: another object may have such attributes.
RENAMED_ATTRIBUTES = {
    "engine": "write_engine",
    "reader": "read_engine",
    "reading": "read_sessions",
    "streaming": "stream_sessions",
    "writing": "write_sessions",
}

# Files that an earlier hook has renamed.
RENAMED = {"scripts/common.py": "scripts/commands.py"}

# Patterns of file names, and where edits of these files belong.
DESTINATIONS = {
    r"Makefile": "Makefile: targets of your own; one of kit's name replaces kit's",
    r"README\.md": "README.md, which is yours; what kit can do is in kit/README.md",
    r"app/__main__\.py": "app/main.py, or settings in app/settings.py",
    r"app/db\.py": "app/db.py: engine options are arguments of Source()",
    r"app/(docs|limits|transport|routing)\.py": "app/main.py: arguments of Service(), or a middleware",
    r"app/errors\.py": "app/main.py: @app.exception_handler() in create_app(); raise ProblemError",
    r"app/health/.*": "app/main.py: a router of your own",
    r"app/logging\.py": "app/main.py: logging of your own, in lifespan= of Service()",
    r"app/main\.py": "app/main.py: routers, add_middleware() in create_app(), lifespan= of Service()",
    r"app/middleware\.py": "app/main.py: add_middleware() or add_outer_middleware() in create_app()",
    r"app/models/.*": "app/models/base.py: naming convention and types of Base",
    r"app/pagination\.py": "a module of your own in app/",
    r"app/settings\.py": "app/settings.py: settings, and other defaults, of class Settings",
    r"app/tables\.py": "app/models/base.py: naming convention and types of Base",
    r"app/\w+\.py": "app/db.py: engine options are arguments of Source()",
    r"migrations/script\.py\.mako": "migrations/script.py.mako",
    r"migrations/.*": "migrations/env.py: options are arguments of run(), own code is around it",
    r"pyproject\.toml": "pyproject.toml: dependencies, ruff, mypy and pytest beside kit's",
    r"scripts/.*": "a script of your own in app/ or scripts/, with a target in the Makefile",
    r"tests/(test_\w+)\.py": "a test of your own in tests/; kit's are in kit/testing/checks.py",
    r"tests/.*": "tests/conftest.py: fixtures beside kit's",
}


def find_destination(name: str) -> str:
    """Return where edits of a file of 1.x belong; its own name if it is still the same file."""
    for pattern, destination in DESTINATIONS.items():
        if re.fullmatch(pattern, name):
            return destination
    return name
