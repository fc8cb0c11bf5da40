"""A service that differs from the template's in all that its own tests have to cope with."""

from harness.project import Project
from harness.releases import edit
from harness.working_copy import add_file, write_revision

DATABASES = """database = Source()
reports = Source("reports", url=lambda settings: settings.reports_url)
"""
ADMIN = """
from fastapi import APIRouter, FastAPI, HTTPException, WebSocket
from starlette.middleware.gzip import GZipMiddleware

router = APIRouter(prefix="/inner")
hidden = APIRouter(include_in_schema=False)


@router.get("/")
async def read() -> None:
    return None


@router.websocket("/ws")
async def talk(socket: WebSocket) -> None:
    await socket.accept()


@hidden.get("/hidden/{name}")
async def guess(name: str) -> None:
    raise HTTPException(410)


inner = FastAPI()
inner.include_router(router, prefix="/v1")
admin = GZipMiddleware(inner)
"""
PARCEL = """
from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Parcel(Base):
    __tablename__ = "parcels"
    __table_args__ = {options}

    id: Mapped[int] = mapped_column(primary_key=True)
    of_id: Mapped[int | None] = mapped_column(ForeignKey(id))
    weight: Mapped[int] = mapped_column(server_default="0")
"""
PARCELS = """
def upgrade() -> None:
    {first}
    op.create_table(
        "parcels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("of_id", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name=op.f("parcels_pkey")),
        sa.ForeignKeyConstraint(["of_id"], ["{prefix}parcels.id"], name=op.f("of_parcels")),
        {where}
    )
    op.execute("INSERT INTO {prefix}parcels (id) VALUES (1)")


def downgrade() -> None:
    raise NotImplementedError
"""
WEIGHT = """
def upgrade() -> None:
    weight = sa.Column("weight", sa.Integer(), server_default="0", nullable=False)
    op.add_column("parcels", weight, {where})
    op.execute("INSERT INTO {prefix}parcels (id) VALUES (20000)")


def downgrade() -> None:
    op.execute("DELETE FROM {prefix}parcels WHERE id = 20000")
    op.drop_column("parcels", "weight", {where})
"""
CONVENTION = (
    'MetaData(naming_convention={**NAMING_CONVENTION, "pk": "%(table_name)s_pkey",'
    ' "fk": "of_%(table_name)s"})'
)
CONFTEST = """return TestedService(
        create_app,
        Settings,
        environment={"ORDERS_API_KEY": "test"},
        databases={"ORDERS_REPORTS_URL": lambda connection: None},
        skip={"test_revision_goes_up_down_and_up_with_rows[2026_01_02_0000-aaaaaaaaaaaa]": "one way"},
    )"""
SUBFOLDER = {
    "test/api/__init__.py": "",
    "test/api/conftest.py": """
import pytest

from app.settings import Settings


@pytest.fixture
def key(service):
    return service.settings_for("postgresql://host/db" if POSTGRESQL else "sqlite://").api_key
""",
    "test/api/test_key.py": """
from app.models.parcel import Parcel


async def test_key_and_rows(client, rows, key):
    await rows(Parcel(id=7))
    assert key == "test"
    assert (await client.get("/hidden/x")).status_code == 410
    assert (await client.get("/admin/v1/inner/")).status_code == 200
""",
}


def grow(project: Project) -> None:
    """Change a service in everything that its tests have to know about it."""
    add_revisions(project)
    add_model(project)
    add_settings(project)
    add_routes(project)
    # Python files that no check may import.
    add_file(project, "app/__main__.py", "raise SystemExit('started')\n")
    add_file(project, "app/static/not-a-module.py", "raise SystemExit('imported')\n")
    rename_tests(project)


def add_revisions(project: Project) -> None:
    """Create a table, in a schema of its own where the database has them; then add a column."""
    if project.database == "postgresql":
        words = {
            "where": 'schema="billing",',
            "prefix": "billing.",
            "first": 'op.execute("CREATE SCHEMA billing")',
        }
    else:
        words = {"where": "", "prefix": "", "first": ""}
    write_revision(project, "aaaaaaaaaaaa", PARCELS.format(**words))
    write_revision(project, "bbbbbbbbbbbb", WEIGHT.format(**words), "aaaaaaaaaaaa")


def add_model(project: Project) -> None:
    """Add the model of the table, and name constraints in the way of the revisions."""
    options = "{}"
    if project.database == "postgresql":
        options = '{"schema": "billing"}'
    add_file(project, "app/models/parcel.py", PARCEL.format(options=options))
    models = project.folder / "app/models"
    edit(
        models / "__init__.py",
        "from app.models.user",
        "from app.models.parcel import Parcel as Parcel\nfrom app.models.user",
    )
    edit(models / "base.py", "MetaData(naming_convention=NAMING_CONVENTION)", CONVENTION)


def add_settings(project: Project) -> None:
    """Add a required setting and a second database; give tests what both need."""
    app = project.folder / "app"
    edit(
        app / "settings.py",
        "    service_name",
        "    api_key: str\n    reports_url: kit.settings.DatabaseURL\n    service_name",
    )
    edit(app / "db.py", "database = Source()\n", DATABASES)
    edit(
        app / "main.py",
        "from app.db import database",
        "from app.admin import admin, hidden\nfrom app.db import database, reports",
    )
    edit(app / "main.py", "database=database", "database=[database, reports]")
    call = "return TestedService(create_app, Settings)"
    edit(project.folder / "tests/conftest.py", call, CONFTEST)


def add_routes(project: Project) -> None:
    """Add a mounted application, and routes that the description leaves out."""
    add_file(project, "app/admin.py", ADMIN)
    edit(
        project.folder / "app/main.py",
        "    return app",
        '    app.mount("/admin", admin)\n    app.include_router(hidden, prefix="")\n    return app',
    )


def rename_tests(project: Project) -> None:
    """Call the folder of tests `test`, and add a folder with fixtures to it."""
    (project.folder / "tests").rename(project.folder / "test")
    edit(project.folder / "pyproject.toml", 'testpaths = ["tests"]', 'testpaths = ["test"]')
    is_postgresql = str(project.database == "postgresql")
    for name, text in SUBFOLDER.items():
        add_file(project, name, text.replace("POSTGRESQL", is_postgresql))
