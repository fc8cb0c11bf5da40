"""`make resource ... migrate=1`: the revision, the migration and the checks, after the files."""

import pytest

from harness.databases import Server
from harness.processes import Completed, lines_of, only, variables
from harness.project import Project
from harness.working_copy import add_column, init_repository

PRODUCT = ("name=product", "fields=title:string(120) stock:int=0", "migrate=1")
WITHOUT_CHECKS = "check:\n\t@echo checked\n"


@pytest.fixture
def service(copy: Project, url: str) -> Project:
    """Return a service that is migrated, with a `make check` of its own that does nothing."""
    with (copy.folder / "Makefile").open("a", encoding="utf-8") as file:
        file.write(WITHOUT_CHECKS)
    init_repository(copy)
    copy.alembic(url, "upgrade", "head")
    return copy


def of_database(name: str) -> pytest.MarkDecorator:
    """Run a test, which does not depend on the database, on this one only."""
    return pytest.mark.parametrize("project", [name], indirect=True)


def generate(service: Project, code: int = 0) -> Completed:
    """Run what `make resource` runs."""
    return service.script("resource", env=variables(PRODUCT), code=code)


def test_table_is_there_and_the_checks_run(service: Project, server: Server, url: str) -> None:
    before = set(service.revisions)
    lines = lines_of(service.make("resource", *PRODUCT).stdout)
    headings = [line for line in lines if line.startswith("make ")]
    assert headings == ['make db-revision m="add products"', "make db-migrate", "make check"]
    assert lines[-1] == "checked"
    revision = only(set(service.revisions) - before)
    assert revision.name.endswith("-add_products.py")
    assert "products" in server.tables(url)
    service.alembic(url, "check")


@of_database("sqlite")
def test_second_run_writes_no_revision(service: Project) -> None:
    generate(service)
    before = set(service.revisions)
    lines = lines_of(generate(service).stdout)
    assert lines[0] == "nothing to do: the 8 files of products are as generated"
    assert 'make db-revision m="add products"' not in lines
    assert lines[-1] == "checked"
    assert set(service.revisions) == before


@of_database("postgresql")
def test_database_that_is_behind_is_refused_before_anything_is_written(service: Project) -> None:
    add_column(service, "aaaaaaaaaaaa", "age")
    before = set(service.revisions)
    done = generate(service, code=2)
    assert lines_of(done.stderr)[0] == (
        "nothing was written: the database is behind the revisions, run make db-migrate first"
    )
    assert not (service.folder / "app/products").exists()
    assert set(service.revisions) == before


@of_database("sqlite")
def test_line_to_add_comes_before_the_revision(service: Project) -> None:
    main = service.folder / "app/main.py"
    main.write_text("def create_app(): raise NotImplementedError\n", "utf-8")
    before = set(service.revisions)
    output = generate(service).stdout
    assert "add to app/main.py, which has no usual place for it: " in output
    assert "  make db-migrate" in output.splitlines()
    assert set(service.revisions) == before
