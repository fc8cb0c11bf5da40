"""Checks of revisions, models and routes that every service should pass.

tests/test_checks.py imports all of them, so updates add new ones. The message of a failed check
says what is wrong, then what to do. Skip a check with `skip` of TestedService:

    TestedService(create_app, Settings, skip={"test_every_error_is_a_problem": "the reason"})
"""

import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError, to_tuple
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import URL

from kit._internal.auth.start import describe_open_routes
from kit._internal.testing.databases import (
    alembic_config,
    create_database,
    downgrade,
    text_of,
    upgrade,
)
from kit._internal.testing.modules import declared_routes, import_all, served_endpoints
from kit._internal.testing.names import find_misnamed
from kit._internal.testing.queries import keeps_after_rollback, run
from kit._internal.testing.raising import documented_statuses, raised_statuses
from kit._internal.testing.rows import add_rows, count_rows
from kit._internal.testing.schema import load_target_metadata
from kit._internal.testing.service import TestedService
from kit.application import Service as Application
from kit.project import PROJECT_DIR

__all__ = [
    "test_constraints_are_named_as_in_the_models",
    "test_every_error_is_a_problem",
    "test_every_operation_has_an_id_of_its_own",
    "test_every_raised_error_is_documented",
    "test_every_route_is_served",
    "test_every_route_says_who_may_call_it",
    "test_migrations_know_every_table",
    "test_models_equal_the_migrated_database",
    "test_revision_goes_up_down_and_up_with_rows",
    "test_there_is_one_head",
    "test_writing_is_in_transactions",
]

Service = TestedService[Any]
PROBLEM = "application/problem+json"
METHODS = {"delete", "get", "head", "options", "patch", "post", "put", "trace"}


def test_there_is_one_head() -> None:
    """No two revisions follow the same revision: the last one is the only head."""
    heads = ScriptDirectory.from_config(alembic_config()).get_heads()
    assert len(heads) <= 1, (
        f"there are several heads: {', '.join(sorted(heads))}; run `make db-rebase`, or"
        " `alembic merge heads` if others have applied one"
    )


def test_migrations_know_every_table(
    service: Service, server: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """migrations/env.py knows the tables of all modules."""
    import_all(service.package)
    monkeypatch.setenv("DATABASE_URL", text_of(server))
    # In another process, which has imported nothing else.
    python = [sys.executable, "-m", "kit._internal.testing.schema"]
    known = subprocess.check_output(python, cwd=PROJECT_DIR, text=True).split("\n")
    forgotten = sorted(load_target_metadata().tables.keys() - set(known))
    assert not forgotten, (
        f"migrations/env.py does not know {', '.join(forgotten)}, which the next revision would"
        f" drop: import its model in {service.package}/models/__init__.py"
    )


def test_models_equal_the_migrated_database(own_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next revision would be empty."""
    monkeypatch.setenv("DATABASE_URL", text_of(own_url))
    try:
        command.check(alembic_config())
    except CommandError as error:
        advice = 'write a revision: make db-revision m="..."'
        raise AssertionError(f"the models and the migrations differ: {advice}\n{error}") from None


async def test_constraints_are_named_as_in_the_models(
    service: Service, own_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models, not the database, name every key and unique constraint."""
    monkeypatch.setenv("DATABASE_URL", text_of(own_url))
    metadata = load_target_metadata()
    misnamed = await run(service, own_url, lambda connection: find_misnamed(connection, metadata))
    assert not misnamed, (
        "migrations and models name constraints differently: use the naming convention of the"
        " models in the revision, as with op.f(), or rename them in a new revision\n"
        + "\n".join(misnamed)
    )


async def test_revision_goes_up_down_and_up_with_rows(
    service: Service, server: URL, kit_revision: Script
) -> None:
    """Each revision can be applied, rolled back and reapplied, and keeps the rows."""
    parents = to_tuple(kit_revision.down_revision, default=())
    name = Path(kit_revision.path).name
    with create_database(server) as url:
        for parent in parents:
            upgrade(url, parent)
        await run(service, url, add_rows)
        before = await run(service, url, count_rows)
        with explained(f"upgrade() of {name} fails on tables with rows: fix it"):
            upgrade(url, kit_revision.revision)
        assert_rows_kept(before, await run(service, url, count_rows))
        await run(service, url, add_rows)
        with explained(f"downgrade() of {name} fails on tables with rows: fix it"):
            downgrade(url, parents[0] if parents else "base")
        before = await run(service, url, count_rows)
        with explained(f"upgrade() of {name} fails after downgrade(), which must undo all of it"):
            upgrade(url, kit_revision.revision)
        assert_rows_kept(before, await run(service, url, count_rows))


@contextmanager
def explained(message: str) -> Iterator[None]:
    """Raise AssertionError with this message and the error."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{message}\n{type(error).__name__}: {error}") from error


def assert_rows_kept(before: dict[str, int], after: dict[str, int]) -> None:
    """Compare the tables that still exist: a revision may drop others on purpose."""
    lost = [table for table, count in before.items() if after.get(table, count) < count]
    assert not lost, (
        f"upgrade() deletes rows of {', '.join(lost)}, {before} then {after}: keep the rows,"
        " or skip this revision in the check if that is its purpose"
    )


async def test_writing_is_in_transactions(
    service: Service, own_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback undoes what a session wrote: no AUTOCOMMIT."""
    settings = service.settings_for(own_url)
    for source in service.create_app(settings).sources:
        monkeypatch.setattr(source, "url", lambda _settings: own_url)
        database = source.open(settings)
        kept = await keeps_after_rollback(database, source)
        await database.close()
        assert not kept, (
            f"a rollback does not undo writes of {source.name}, its sessions are in AUTOCOMMIT:"
            f" remove isolation_level from the options of Source({source.name!r})"
        )


def test_every_route_is_served(app: FastAPI, service: Service) -> None:
    """create_app() includes the routes of all routers."""
    import_all(service.package)
    served = served_endpoints(app.routes)
    missing = set()
    for module, route in declared_routes(service.package):
        if route.endpoint not in served:
            missing.add(f"{route.path} of {module}")
    assert not missing, (
        f"no router serves {', '.join(sorted(missing))}: call app.include_router() in create_app()"
    )


def test_every_route_says_who_may_call_it(app: Application) -> None:
    """If the service authenticates its clients, each route has a guard, or is public."""
    lines = describe_open_routes(app)
    assert not lines, "\n".join(lines)


def operations(app: FastAPI) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the operations in the OpenAPI schema: a name such as `GET /path`, and its content."""
    with warnings.catch_warnings():
        # FastAPI warns of duplicate ids, which a check below reports.
        warnings.simplefilter("ignore", UserWarning)
        paths = app.openapi()["paths"]
    for path, item in paths.items():
        for method, operation in item.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", operation


def test_every_operation_has_an_id_of_its_own(app: FastAPI) -> None:
    """Generated clients use operation ids as names of functions."""
    described = list(operations(app))
    counts = Counter(operation.get("operationId") for _, operation in described)
    repeated = []
    for name, operation in described:
        if counts[operation.get("operationId")] > 1:
            repeated.append(f"{name} is {operation['operationId']}")
    assert not repeated, (
        f"several routes have the same id: {', '.join(repeated)}; rename a function, or set"
        " operation_id= of its route"
    )


def test_every_error_is_a_problem(app: FastAPI) -> None:
    """Documented errors are application/problem+json."""
    wrong = []
    for name, operation in operations(app):
        for status, response in operation.get("responses", {}).items():
            if status >= "4" and PROBLEM not in response.get("content", {}):
                wrong.append(f"{name} documents {status}")
    assert not wrong, (
        f"{', '.join(wrong)} as something other than a problem: add"
        " responses=problem_responses(...) to the route or its router"
    )


def test_every_raised_error_is_documented(app: FastAPI, service: Service) -> None:
    """Statuses that a route or its dependencies raise are in the OpenAPI schema."""
    described = dict(operations(app))
    missing = []
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.original_route, APIRoute):
            continue
        raised = raised_statuses(context.original_route, service.package)
        for method in context.methods or ():
            name = f"{method} {context.path_format}"
            responses = described.get(name, {}).get("responses")
            if responses is None:
                continue
            hidden = raised - documented_statuses(responses)
            if hidden:
                missing.append(f"{name} raises {', '.join(map(str, sorted(hidden)))}")
    assert not missing, (
        f"{'; '.join(missing)} without documenting it: add responses=problem_responses(...)"
        " to the route"
    )
