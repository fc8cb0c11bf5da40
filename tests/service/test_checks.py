"""The checks of kit.testing in a generated project: the message of each names the fault."""

import re

import pytest

from harness.project import Project
from harness.releases import edit
from harness.working_copy import Revise, add_file

pytestmark = pytest.mark.seconds(30)

CHECKS = "tests/test_checks.py"
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
        database.write_sessions.configure(bind=database.read_engine{options})
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
EMPTY_REVISION = """
def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
"""
# The check, what its message says about the fault, and what to do.
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
    "test_revision_goes_up_down_and_up_with_rows": ("rows of users", "keep the rows"),
    "test_writing_is_in_transactions": ("does not undo writes of database", "isolation_level"),
}


def plant_faults(project: Project) -> None:
    """Give a service a fault for each check, that of several heads apart."""
    add_file(project, "app/faulty.py", ROUTES)
    main = project.folder / "app/main.py"
    edit(main, "from app.db", "from app.faulty import router as faulty_router\nfrom app.db")
    edit(main, "    return app", "    app.include_router(faulty_router)\n    return app")
    add_file(project, "app/models/parcel.py", MODEL.format(name="Parcel", table="parcels"))
    add_file(project, "app/models/late.py", MODEL.format(name="Forgotten", table="forgotten"))
    edit(
        project.folder / "app/models/__init__.py",
        "from app.models.user",
        "from app.models.parcel import Parcel as Parcel\nfrom app.models.user",
    )
    # SQLite's reader has no AUTOCOMMIT; it refuses to write.
    options = ""
    if project.database == "postgresql":
        options = ".execution_options(writing=True)"
    careless = CARELESS.format(options=options)
    edit(project.folder / "app/db.py", "database = Source()\n", careless)


def section(output: str, name: str) -> str:
    """Return what pytest prints about the failures of a test."""
    heading = r"^_{2,} \S+ _{2,}$"
    own_heading = rf"^_{{2,}} {name}(?:\[\S+)? _{{2,}}$"
    return "".join(re.findall(rf"(?ms){own_heading}(.*?)(?={heading}|\Z)", output))


def test_each_fault_has_a_message(copy: Project, revise: Revise) -> None:
    plant_faults(copy)
    revise("aaaaaaaaaaaa", REVISION)
    output = copy.run("pytest", "--quiet", CHECKS, code=1).stdout
    for name, messages in MESSAGES.items():
        printed = section(output, name)
        for message in (*messages, f'TestedService(..., skip={{"{name}'):
            assert message in printed, f"{name}: {printed or output}"
    failed = set(re.findall(rf"FAILED {CHECKS}::(\w+)", output))
    assert failed == {*MESSAGES}, output


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_second_head_has_a_message(copy: Project, revise: Revise) -> None:
    for revision in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        revise(revision, EMPTY_REVISION)
    output = copy.run("pytest", "--quiet", CHECKS, "-k", "one_head", code=1).stdout
    assert "there are several heads: aaaaaaaaaaaa, bbbbbbbbbbbb" in output
    assert "make db-rebase" in output


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_setting_without_a_value_has_a_message(copy: Project) -> None:
    edit(copy.folder / "app/settings.py", "    service_name", "    api_key: str\n    service_name")
    done = copy.run("pytest", code=4).stderr
    assert "ORDERS_API_KEY: is not set; give the tests a value in conftest.py" in done
    assert "Traceback" not in done
    edit(copy.folder / "tests/conftest.py", "Settings)", 'Settings, skip={"test_x": "y"})', 2)
    assert "skip in conftest.py names no check: test_x" in copy.run("pytest", code=4).stderr
