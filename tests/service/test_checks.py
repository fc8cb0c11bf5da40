"""Kit's checks in a generated project: what they say of each fault, and what they leave alone."""

import re
import shutil

import pytest

from harness.project import Project
from harness.releases import edit
from harness.working_copy import Revise

pytestmark = pytest.mark.seconds(55)

CHECKS = "tests/service/test_checks.py"
ROUTES = """
from fastapi import APIRouter

from kit.errors import NotFoundError, ProblemError, problem_responses

router = APIRouter()
lost = APIRouter()


def refuse() -> None:
    raise ProblemError(418, "No coffee.")


def find_coffee() -> None:
    raise NotFoundError("coffee")


@router.get("/coffee", responses=problem_responses(422))
async def get_user() -> None:
    refuse()
    find_coffee()


@router.get("/tea")
async def list_tea(limit: int) -> int:
    return limit


@lost.get("/lost")
async def find() -> None:
    return None
"""
MODEL = """
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class {name}(Base):
    __tablename__ = "{table}"

    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str | None]
"""
CARELESS = """
class Careless(Source):
    def open(self, settings):
        database = super().open(settings)
        database.writing.configure(bind=database.reader{options})
        return database


database = Careless()
"""
REVISION = """
def upgrade() -> None:
    op.create_table(
        "parcels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("parcels_pkey")),
    )
    op.execute("DELETE FROM users")


def downgrade() -> None:
    pass
"""
DOWN = "test_revision_goes_up_down_and_up_with_rows[2026"
# The check, what it says is wrong, and what to do.
MESSAGES = {
    "test_constraints_are_named_as_in_the_models": (
        "parcels: primary key parcels_pkey, not pk_parcels",
        "use the naming convention",
    ),
    "test_every_error_is_a_problem": ("GET /tea documents 422", "problem_responses("),
    "test_every_operation_has_an_id_of_its_own": ("GET /coffee is get_user", "rename a function"),
    "test_every_raised_error_is_documented": ("GET /coffee raises 404, 418", "problem_responses("),
    "test_every_route_is_served": ("/lost of app.faulty", "app.include_router()"),
    "test_migrations_know_every_table": ("does not know forgotten", "import its model in app/"),
    "test_models_equal_the_migrated_database": ("note", "make db-revision m="),
    "test_revision_goes_up_down_and_up_with_rows": ("rows of users", "leave the rows"),
    "test_writing_is_in_transactions": ("sessions of database write stays", "isolation_level"),
}


def write(project: Project, name: str, text: str) -> None:
    path = project.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def plant_faults(project: Project) -> None:
    """Give a service a fault for each check, that of several heads apart."""
    write(project, "app/faulty.py", ROUTES)
    main = project.folder / "app/main.py"
    edit(main, "from app.db", "from app.faulty import router as faulty_router\nfrom app.db")
    edit(main, "    return app", "    app.include_router(faulty_router)\n    return app")
    write(project, "app/models/parcel.py", MODEL.format(name="Parcel", table="parcels"))
    write(project, "app/models/late.py", MODEL.format(name="Forgotten", table="forgotten"))
    edit(
        project.folder / "app/models/__init__.py",
        "from app.models.user",
        "from app.models.parcel import Parcel as Parcel\nfrom app.models.user",
    )
    # SQLite's reader has no AUTOCOMMIT; it refuses to write.
    options = ".execution_options(writing=True)" if project.database == "postgresql" else ""
    careless = CARELESS.format(options=options)
    edit(project.folder / "app/db.py", "database = Source()\n", careless)


def section(output: str, name: str) -> str:
    """Return what pytest prints of a test that has failed."""
    sections = re.split(r"(?m)^_{2,} (\S+) _{2,}$", output)
    return "".join(
        text
        for title, text in zip(sections[1::2], sections[2::2], strict=True)
        if title.partition("[")[0] == name
    )


def test_each_fault_has_a_message(copy: Project, revise: Revise) -> None:
    plant_faults(copy)
    revise("aaaaaaaaaaaa", REVISION)
    output = copy.run("pytest", "--quiet", CHECKS, code=1).stdout
    for name, messages in MESSAGES.items():
        told = section(output, name)
        for message in (*messages, f'TestedService(..., skip={{"{name}'):
            assert message in told, f"{name}: {told or output}"
    failed = set(re.findall(rf"FAILED {CHECKS}::(\w+)", output))
    assert failed == {*MESSAGES}, output


def test_second_head_is_told(copy: Project, revise: Revise) -> None:
    for revision in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        revise(
            revision, "def upgrade() -> None:\n    pass\n\n\ndef downgrade() -> None:\n    pass\n"
        )
    output = copy.run("pytest", "--quiet", CHECKS, "-k", "one_head", code=1).stdout
    assert "no revision follows aaaaaaaaaaaa or bbbbbbbbbbbb" in output
    assert "make db-rebase" in output


SOURCES = """database = Source()
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


def grow(project: Project, revise: Revise) -> None:
    """Make a service that differs from the template's in all that services may differ in."""
    schema = project.database == "postgresql"
    words = {
        "where": 'schema="billing",' if schema else "",
        "prefix": "billing." if schema else "",
        "first": 'op.execute("CREATE SCHEMA billing")' if schema else "",
    }
    revise("aaaaaaaaaaaa", PARCELS, **words)
    revise("bbbbbbbbbbbb", WEIGHT, "aaaaaaaaaaaa", **words)
    write(
        project,
        "app/models/parcel.py",
        PARCEL.format(options={"schema": "billing"} if schema else {}),
    )
    app = project.folder / "app"
    edit(
        app / "models/__init__.py",
        "from app.models.user",
        "from app.models.parcel import Parcel as Parcel\nfrom app.models.user",
    )
    own = 'MetaData(naming_convention={**NAMING_CONVENTION, "pk": "%(table_name)s_pkey", "fk": "of_%(table_name)s"})'
    edit(app / "models/base.py", "MetaData(naming_convention=NAMING_CONVENTION)", own)
    edit(
        app / "settings.py",
        "    service_name",
        "    api_key: str\n    reports_url: kit.settings.DatabaseURL\n    service_name",
    )
    edit(app / "db.py", "database = Source()\n", SOURCES)
    write(project, "app/admin.py", ADMIN)
    write(project, "app/__main__.py", "raise SystemExit('started')\n")
    write(project, "app/static/not-a-module.py", "raise SystemExit('imported')\n")
    edit(
        app / "main.py",
        "from app.db import database",
        "from app.admin import admin, hidden\nfrom app.db import database, reports",
    )
    edit(app / "main.py", "database=database", "database=[database, reports]")
    edit(
        app / "main.py",
        "    return app",
        '    app.mount("/admin", admin)\n    app.include_router(hidden, prefix="")\n    return app',
    )
    call = "return TestedService(create_app, Settings)"
    edit(project.folder / "tests/conftest.py", call, CONFTEST)
    (project.folder / "tests").rename(project.folder / "test")
    edit(project.folder / "pyproject.toml", 'testpaths = ["tests"]', 'testpaths = ["test"]')
    for name, text in SUBFOLDER.items():
        write(project, name, text.replace("POSTGRESQL", str(schema)))


def test_service_that_has_grown(copy: Project, revise: Revise) -> None:
    """Own required settings, conventions, schemas, databases, mounts, a folder called test."""
    grow(copy, revise)
    everything = copy.run("pytest", "--quiet", "-rs", "-n", "2", timeout=300).stdout
    assert "1 skipped" in everything
    assert "one way" in everything
    alone = copy.run("pytest", "--quiet", "test/api/test_key.py", "-k", "key").stdout
    assert "1 passed" in alone
    plain = copy.run("pytest", "--quiet", "-p", "no:xdist", "test/api").stdout
    assert "1 passed" in plain


def test_service_without_tables(copy: Project) -> None:
    folder = copy.folder
    shutil.rmtree(folder / "app/users")
    for path in (folder / "app/models/user.py", *copy.revisions, *folder.glob("tests/test_user*")):
        path.unlink()
    edit(folder / "app/models/__init__.py", "from app.models.user import User as User\n", "")
    edit(folder / "app/main.py", "from app.users.routes import router as users_router\n", "")
    edit(folder / "app/main.py", "    app.include_router(users_router)\n", "")
    done = copy.run("pytest", "--quiet", "-rs").stdout
    assert "failed" not in done
    assert "passed" in done


def test_setting_without_a_value_is_told(copy: Project) -> None:
    edit(copy.folder / "app/settings.py", "    service_name", "    api_key: str\n    service_name")
    done = copy.run("pytest", code=4).stderr
    assert "ORDERS_API_KEY: is not set; give the tests a value in conftest.py" in done
    assert "Traceback" not in done
    edit(copy.folder / "tests/conftest.py", "Settings)", 'Settings, skip={"test_x": "y"})', 2)
    assert "skip in conftest.py names no check: test_x" in copy.run("pytest", code=4).stderr
