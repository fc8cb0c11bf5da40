"""More than one schema on PostgreSQL: a service in another one, one for each tenant, several."""

from urllib.parse import quote

import pytest

from harness.databases import Server
from harness.project import FIRST, Project
from harness.working_copy import Revise

postgresql = pytest.mark.parametrize("project", ["postgresql"], indirect=True)

WHERE = "SELECT table_schema FROM information_schema.tables WHERE table_name = '{}' ORDER BY 1"


def schemas(server: Server, url: str, table: str) -> list[str]:
    return [schema for (schema,) in server.query(url, WHERE.format(table))]


@postgresql
def test_schema_for_each_tenant(copy: Project, server: Server, url: str) -> None:
    """Each has its own tables and its own revision, and all are migrated by the same files."""
    for tenant in ("ada", 'b "o" b'):
        name = tenant.replace('"', '""')
        server.query(url, f'CREATE SCHEMA "{name}"')
        copy.alembic(url, "-x", f"schema={tenant}", "upgrade", "head")
        copy.alembic(url, "-x", f"schema={tenant}", "check")
        assert FIRST in copy.alembic(url, "-x", f"schema={tenant}", "current").stdout
    for table in ("users", "alembic_version", "alembic_history"):
        assert schemas(server, url, table) == ["ada", 'b "o" b']
    copy.alembic(url, "upgrade", "head")
    copy.alembic(url, "-x", "schema=ada", "downgrade", "base")
    assert schemas(server, url, "users") == ['b "o" b', "public"]


@postgresql
def test_sql_for_a_schema(copy: Project, server: Server, url: str) -> None:
    server.query(url, "CREATE SCHEMA ada")
    script = copy.alembic(url, "-x", "schema=ada", "upgrade", "head", "--sql").stdout
    server.run_script(url, script)
    assert schemas(server, url, "users") == ["ada"]
    copy.alembic(url, "-x", "schema=ada", "check")


@postgresql
def test_schema_is_not_made_by_a_slip(project: Project, server: Server, url: str) -> None:
    assert not project.alembic(url, "-x", "schema=adda", "current").stdout
    done = project.alembic(url, "-x", "schema=adda", "upgrade", "head", code=255)
    assert done.stdout.startswith("FAILED: rolled back: CREATE TABLE alembic_version (")
    assert "no schema has been selected to create in" in done.stdout
    assert not server.schema(url)


@postgresql
def test_service_in_another_schema(copy: Project, server: Server, url: str) -> None:
    """The URL names it, for the migrations as well as for the service."""
    server.query(url, "CREATE SCHEMA billing")
    address = f"{url}&options={quote('-c search_path=billing')}"
    copy.alembic(address, "upgrade", "head")
    copy.alembic(address, "check")
    assert schemas(server, url, "users") == ["billing"]
    copy.script("status", env={"DATABASE_URL": address})


@postgresql
def test_models_in_several_schemas(copy: Project, server: Server, url: str, revise: Revise) -> None:
    """Autogenerate compares the schemas that models name, and no other."""
    server.query(url, "CREATE SCHEMA audit")
    server.query(url, "CREATE SCHEMA other")
    server.query(url, "CREATE TABLE other.things (id integer)")
    (copy.folder / "app/models/event.py").write_text(
        "from app.models.base import Base\n"
        "from kit.models import Timestamped, UUIDKey\n\n\n"
        "class Event(UUIDKey, Timestamped, Base):\n"
        '    __tablename__ = "events"\n'
        '    __table_args__ = {"schema": "audit"}  # noqa: RUF012\n',
        "utf-8",
    )
    models = copy.folder / "app/models/__init__.py"
    models.write_text(
        models.read_text("utf-8").replace(
            "from app.models.user",
            "from app.models.event import Event as Event\nfrom app.models.user",
        ),
        "utf-8",
    )
    copy.alembic(url, "upgrade", "head")
    copy.alembic(url, "check", code=255)
    copy.alembic(url, "revision", "--autogenerate", "-m", "add events")
    text = copy.new_revision.read_text("utf-8")
    assert 'schema="audit"' in text
    assert "things" not in text
    copy.alembic(url, "upgrade", "head")
    copy.alembic(url, "check")
    assert schemas(server, url, "events") == ["audit"]
    copy.alembic(url, "downgrade", "-1")
    assert schemas(server, url, "events") == []


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
@pytest.mark.parametrize("arguments", ["upgrade head", "upgrade head --sql"])
def test_no_schemas_on_sqlite(project: Project, url: str, arguments: str) -> None:
    done = project.alembic(url, "-x", "schema=ada", *arguments.split(), code=255)
    assert done.stdout.strip() == "FAILED: SQLite has no schemas: -x schema=ada names none"
