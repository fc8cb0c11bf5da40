"""Services with accounts whose models are not those of a new service."""

import shutil
from pathlib import Path

import httpx
import pytest

from harness.databases import Server, server_of
from harness.project import Project
from harness.releases import edit
from harness.smtp import receiving_mail, token_of

pytestmark = [pytest.mark.slow, pytest.mark.seconds(150)]

# Where the database has no part in it.
light = pytest.mark.parametrize("accounts_project", ["sqlite"], indirect=True)

NAMES = [
    "api_keys",
    "credentials",
    "email_tokens",
    "recovery_codes",
    "roles",
    "sessions",
    "sign_in_limits",
    "user_roles",
]
# Another name of the table, a number as key, and a column in place of `name`.
MODEL = [
    ("User(UUIDKey, ", "User("),
    ("import Timestamped, UUIDKey", "import Timestamped"),
    ('"users"', '"members"'),
    ("    email: ", "    id: Mapped[int] = mapped_column(primary_key=True)\n    email: "),
    ("    name: ", "    full_name: "),
]
OWN_SESSION = '''"""Sessions at which members meet, and their roles."""

from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from kit.models import UUIDKey


class Session(UUIDKey, Base):
    """A meeting."""

    __tablename__ = "sessions"

    topic: Mapped[str] = mapped_column(unique=True)
'''
SETTINGS = """
    auth_users_table: ClassVar[str] = "members"
    auth_tables_prefix: ClassVar[str] = "auth_"
"""
NEW_USER = """

def new_user(email: str, name: str) -> User:
    return User(email=email, full_name=name)


def create_app("""
# Filters that many services have: only what they know of.
FILTERS = """
run(
    target_metadata,
    Settings,
    include_name=lambda name, kind, _parents: kind != "table" or name == "users",
    include_object=lambda item, _name, kind, *_: kind != "table" or item.name == "users",
)
"""
REPORTS = """
[reports]
script_location = %(here)s/migrations/reports
prepend_sys_path = %(here)s
path_separator = os

[post_write_hooks]"""
REPORTS_ENVIRONMENT = '''"""What Alembic runs for the second database: `alembic -n reports`."""

from sqlalchemy import Column, Integer, MetaData, Table

from app.settings import Settings
from kit.migrations import run

metadata = MetaData()
Table("sales", metadata, Column("id", Integer, primary_key=True))
run(metadata, Settings, url=lambda settings: settings.migration_url)
'''


@pytest.fixture
def server(accounts_project: Project) -> Server:
    return server_of(accounts_project)


@pytest.fixture
def own(accounts_project: Project, url: str, tmp_path: Path) -> Project:
    """Return a copy of a project with accounts, to be changed."""
    return accounts_project.copy(tmp_path / "orders", url)


def change_models(folder: Path) -> None:
    for old, new in MODEL:
        edit(folder / "app/models/user.py", old, new)
    (folder / "app/models/session.py").write_text(OWN_SESSION, "utf-8")
    with (folder / "app/models/__init__.py").open("a", encoding="utf-8") as file:
        file.write("from app.models import session\n")
    shutil.rmtree(folder / "migrations/versions")
    (folder / "migrations/versions").mkdir()


def change_settings(folder: Path) -> None:
    settings = folder / "app/settings.py"
    edit(
        settings, "from pydantic_settings", "from typing import ClassVar\n\nfrom pydantic_settings"
    )
    with settings.open("a", encoding="utf-8") as file:
        file.write(SETTINGS)


def add_new_user(folder: Path) -> None:
    edit(folder / "app/main.py", "\n\ndef create_app(", NEW_USER)
    edit(folder / "app/main.py", "database=database", "database=database, new_user=new_user")
    edit(
        folder / "app/main.py",
        "from app.settings",
        "from app.models import User\nfrom app.settings",
    )


def test_renamed_tables_other_keys_and_columns(own: Project, url: str, tmp_path: Path) -> None:
    change_models(own.folder)
    failed = own.alembic(url, "check", code=None)
    assert "no model has the table users; set auth_users_table in the settings" in failed.stdout
    change_settings(own.folder)
    own.alembic(url, "revision", "--autogenerate", "-m", "create members")
    own.alembic(url, "upgrade", "head")
    own.alembic(url, "check")

    with receiving_mail() as mail:
        stopped = own.run("python", "-m", "app", env=mail.settings(), code=3, timeout=60)
        assert stopped.stderr.startswith(
            "users who sign up would have no full_name; write the row in"
        )
        add_new_user(own.folder)
        command = ("python", "-m", "app")
        with own.serve(*command, env=mail.settings(), log=tmp_path / "log") as running:
            client = httpx.Client(base_url=running.address)
            person = {"email": "ada@example.com", "name": "Ada"}
            assert client.post("/auth/sign-up", json=person).status_code == 202
            token = token_of(mail.wait_for_message(to="ada@example.com"))
            chosen = {"token": token, "password": "a long enough one", "transport": "bearer"}
            session = client.post("/auth/sign-up/confirm", json=chosen)
            assert session.status_code == 201
            client.headers["Authorization"] = f"Bearer {session.json()['token']}"
            assert client.get("/auth/me").json()["subject"] == "1"
    assert server_of(own).query(url, "SELECT full_name FROM members") == [("Ada",)]


@light
def test_own_tables_are_told_how_to_keep_their_names(own: Project, url: str) -> None:
    edit(own.folder / "app/models/user.py", '"users"', '"roles"')
    edit(
        own.folder / "app/settings.py",
        "    service_name",
        '    auth_users_table = "roles"\n    service_name',
    )
    failed = own.alembic(url, "check", code=None)
    assert failed.stdout.startswith(
        "FAILED: auth=accounts has tables of its own named roles; set auth_tables_prefix"
    )
    command = ("python", "-c", "from scripts.project import load_metadata; load_metadata()")
    assert own.run(*command, code=1).stderr.startswith("auth=accounts has tables of its own named")


def test_filters_of_the_service_do_not_hide_tables_of_accounts(own: Project, url: str) -> None:
    edit(own.folder / "migrations/env.py", "\nrun(target_metadata, Settings)\n", FILTERS)
    own.alembic(url, "upgrade", "head")
    assert "No new upgrade operations" in own.alembic(url, "check").stdout


@light
def test_filters_of_the_service_do_not_leave_tables_out_of_a_revision(
    own: Project, url: str
) -> None:
    edit(own.folder / "migrations/env.py", "\nrun(target_metadata, Settings)\n", FILTERS)
    shutil.rmtree(own.folder / "migrations/versions")
    (own.folder / "migrations/versions").mkdir()
    own.alembic(url, "revision", "--autogenerate", "-m", "create all")
    text = own.revisions[0].read_text("utf-8")
    assert [name for name in NAMES if f'op.create_table(\n        "{name}"' not in text] == []


@light
def test_second_database_does_not_get_the_tables(own: Project, server: Server, url: str) -> None:
    edit(own.folder / "alembic.ini", "\n[post_write_hooks]", REPORTS)
    folder = own.folder / "migrations/reports"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(REPORTS_ENVIRONMENT, "utf-8")
    shutil.copy2(own.folder / "migrations/script.py.mako", folder)
    own.alembic(url, "-n", "reports", "revision", "--autogenerate", "-m", "create sales")
    own.alembic(url, "-n", "reports", "upgrade", "head")
    assert server.tables(url) == {"alembic_history", "alembic_version", "sales"}


def test_referencing_tables_are_dropped_first(own: Project, url: str, server: Server) -> None:
    """PostgreSQL does not drop a table to which another one refers."""
    own.alembic(url, "upgrade", "head")
    edit(own.folder / "migrations/env.py", "Base.metadata\n", "MetaData()\n")
    edit(
        own.folder / "migrations/env.py",
        "\nfrom app.models import Base\n",
        "\nfrom sqlalchemy import MetaData\n\n",
    )
    failed = own.alembic(url, "check", code=None)
    assert "needs a model of users" in failed.stdout
    edit(
        own.folder / "migrations/env.py",
        "run(target_metadata, Settings)",
        "run(target_metadata, Settings, url=lambda own: own.migration_url)",
    )
    own.alembic(url, "revision", "--autogenerate", "-m", "drop all")
    own.alembic(url, "upgrade", "head")
    assert server.tables(url) == {"alembic_history", "alembic_version"}
    own.alembic(url, "downgrade", "-1")
    assert {*NAMES} < server.tables(url)
