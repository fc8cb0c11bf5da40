"""Checks of revisions, models and routes that every service should pass.

tests/test_checks.py imports them all; `del test_...` there leaves one out.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import Script, ScriptDirectory
from alembic.util import to_tuple
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import URL, Connection

from kit._internal.testing.databases import alembic_config, create_database, downgrade, upgrade
from kit._internal.testing.rows import add_rows, count_rows
from kit._internal.testing.schema import load_target_metadata
from kit._internal.testing.service import TestedService
from kit.project import PROJECT_DIR

__all__ = [
    "test_every_error_is_a_problem",
    "test_every_operation_has_an_id_of_its_own",
    "test_every_route_is_served",
    "test_migrations_know_every_table",
    "test_models_equal_the_migrated_database",
    "test_revision_goes_up_down_and_up_with_rows",
    "test_there_is_one_head",
]

Service = TestedService[Any]
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_there_is_one_head() -> None:
    """Revisions that follow the same one have been put in a row."""
    heads = ScriptDirectory.from_config(alembic_config()).get_heads()
    assert len(heads) == 1, (
        f"{' and '.join(sorted(heads))} come last. `make db-rebase` puts those of this branch last."
        " If others have applied one, `alembic merge heads` adds a revision that follows both."
    )


def test_migrations_know_every_table(
    service: Service, server: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """migrations/env.py imports every model of the package."""
    package = service.settings_class.__module__.partition(".")[0]
    import_all(package)
    monkeypatch.setenv("DATABASE_URL", server.render_as_string(hide_password=False))
    python = [sys.executable, "-m", "kit._internal.testing.schema"]
    known = subprocess.check_output(python, cwd=PROJECT_DIR, text=True).split()
    forgotten = sorted(load_target_metadata().tables.keys() - set(known))
    assert not forgotten, (
        f"{package}/models/__init__.py has to import the models of {', '.join(forgotten)}:"
        " the next revision would drop what it does not know"
    )


def test_every_route_is_served(app: FastAPI, service: Service) -> None:
    """create_app() includes every router of the package."""
    package = service.settings_class.__module__.partition(".")[0]
    import_all(package)
    served = [(path, method) for path, item in app.openapi()["paths"].items() for method in item]
    for module, route in routes_of(package):
        for method in route.methods or ():
            is_served = any(
                path.endswith(route.path_format) and name == method.lower() for path, name in served
            )
            assert is_served, f"create_app() does not include {method} {route.path} of {module}"


def routes_of(package: str) -> Iterator[tuple[str, APIRoute]]:
    """Yield the documented routes of all routers in the modules of a package."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != package:
            continue
        for router in vars(module).values():
            if isinstance(router, APIRouter):
                for route in router.routes:
                    if isinstance(route, APIRoute) and route.include_in_schema:
                        yield name, route


def operations(app: FastAPI) -> Iterator[dict[str, Any]]:
    for item in app.openapi()["paths"].values():
        yield from item.values()


def test_every_operation_has_an_id_of_its_own(app: FastAPI) -> None:
    """Generated clients name their functions by it."""
    ids = Counter(operation["operationId"] for operation in operations(app))
    several = [name for name, count in ids.items() if count > 1]
    assert not several, f"several routes are functions of the same name: {', '.join(several)}"


def test_every_error_is_a_problem(app: FastAPI) -> None:
    """Every error that a route documents is a problem: problem_responses()."""
    for operation in operations(app):
        for status, response in operation["responses"].items():
            if status >= "4":
                assert response.get("content") == PROBLEM, (
                    f"{operation['operationId']} documents {status} without problem_responses()"
                )


def import_all(package: str) -> None:
    """Import every module of a package, and so every model."""
    spec = find_spec(package)
    for folder in map(Path, spec.submodule_search_locations or () if spec else ()):
        for file in folder.rglob("*.py"):
            name = ".".join(file.relative_to(folder.parent).with_suffix("").parts)
            import_module(name.removesuffix(".__init__"))


def test_models_equal_the_migrated_database(own_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next revision would be empty."""
    monkeypatch.setenv("DATABASE_URL", own_url.render_as_string(hide_password=False))
    command.check(alembic_config())


async def test_revision_goes_up_down_and_up_with_rows(
    service: Service, server: URL, kit_revision: Script
) -> None:
    """Each revision can be applied, rolled back and applied again, and keeps the rows."""
    parents = to_tuple(kit_revision.down_revision, default=())
    with create_database(server) as url:
        for parent in parents:
            upgrade(url, parent)
        await run(service, url, add_rows)
        before = await run(service, url, count_rows)
        upgrade(url, kit_revision.revision)
        assert_rows_kept(before, await run(service, url, count_rows))
        await run(service, url, add_rows)
        counts = await run(service, url, count_rows)
        assert any(counts.values()) or not counts
        downgrade(url, parents[0] if parents else "base")
        before = await run(service, url, count_rows)
        upgrade(url, kit_revision.revision)
        assert_rows_kept(before, await run(service, url, count_rows))


def assert_rows_kept(before: dict[str, int], after: dict[str, int]) -> None:
    """Compare the tables that are still there: dropping one is the revision's own business."""
    lost = {table: count for table, count in before.items() if after.get(table, count) != count}
    assert not lost, f"upgrade() has changed the number of rows: {before}, then {after}"


async def run(service: Service, url: URL, function: Callable[[Connection], Any]) -> Any:  # noqa: ANN401
    """Call a function with a connection of the service, and commit."""
    engine = service.open_database(service.settings_for(url)).engine
    async with engine.begin() as connection:
        result = await connection.run_sync(function)
    await engine.dispose()
    return result
