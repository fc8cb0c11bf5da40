"""Updates of a service after a year of work: with a column, rows, edits, deletions and files."""

from pathlib import Path
from typing import Any

import pytest

from harness.databases import Server
from harness.processes import only
from harness.project import FIRST, Project, keep_environment
from harness.releases import Releases, commit, edit, publish, tagged_clone
from harness.template import DATABASES, Answers
from harness.updates import (
    CONFLICT_MODES,
    MILESTONES,
    RELEASES,
    conflicts,
    in_turns,
    recopy,
    revisions,
    share_environment,
    start_service,
    update,
    update_trusting_hooks,
)

pytestmark = [pytest.mark.seconds(120), pytest.mark.usefixtures("forked")]

COLUMN = "    phone_number: Mapped[str | None]\n"
Edits = dict[str, tuple[str, str]]
# What a team has changed in files of the template: in every release, until 2.0, and since.
EDITS: Edits = {
    "app/models/user.py": ("    is_active: ", f"{COLUMN}    is_active: "),
    "app/users/routes.py": ("router = APIRouter(", "# Ours alone.\nrouter = APIRouter("),
}
EDITS_OF_1: Edits = {
    "scripts/common.py": ("    sys.stdout.flush()\n", "    sys.stdout.flush()\n    # Ours.\n"),
    "app/settings.py": ("    host: str = ", '    greeting: str = "Hello"\n    host: str = '),
    "README.md": ("## Every day\n", "## Whom to ask\n\nAda.\n\n## Every day\n"),
    "Makefile": ("db-shell: ", "greet: ## Say hello\n\t@echo hello\n\ndb-shell: "),
}
EDITS_OF_2: Edits = {
    "app/settings.py": ("    service_name: ", '    greeting: str = "Hello"\n    service_name: '),
    "README.md": ("## Add a column\n", "## Whom to ask\n\nAda.\n\n## Add a column\n"),
    "Makefile": (
        "include kit/make.mk\n",
        "include kit/make.mk\n\ngreet: ## Say hello\n\t@echo hello\n",
    ),
}
# Files that releases have renamed.
RENAMED = {"scripts/common.py": "scripts/commands.py"}
OWN = {"app/greeting.py": '"""Ours."""\n', "notes/plan.md": "# Plan\n"}
DELETED = ".editorconfig"
ROW = (
    "INSERT INTO users (id, email, name, phone_number) VALUES"
    " ('01890000-0000-7000-8000-000000000001', 'ada@example.com', 'Ada', '12')"
)


def name_in(folder: Path, name: str) -> str:
    """Return the name that a file has in the release of a service."""
    if (folder / name).exists():
        return name
    return RENAMED[name]


def work_for_a_year(project: Project, server: Server, url: str) -> Edits:
    """Edit, add and delete files, add a column with a revision, and a row; return the edits."""
    edits = EDITS | EDITS_OF_1
    if (project.folder / "kit").exists():
        edits = EDITS | EDITS_OF_2
    project.alembic(url, "upgrade", "head")
    for name, (old, new) in edits.items():
        edit(project.folder / name_in(project.folder, name), old, new)
    for name, text in OWN.items():
        (project.folder / name).parent.mkdir(exist_ok=True)
        (project.folder / name).write_text(text, "utf-8")
    (project.folder / DELETED).unlink()
    project.alembic(url, "revision", "--autogenerate", "-m", "add phone number")
    project.alembic(url, "upgrade", "head")
    server.query(url, ROW)
    commit(project.folder, "A year of work")
    return edits


def schema(server: Server, url: str) -> list[object]:
    """Return the schema without a table that older services get with their next revision."""
    return [row for row in server.schema(url) if "alembic_history" not in str(row)]


def assert_nothing_is_lost(
    project: Project, server: Server, url: str, edits: Edits, before: dict[str, bytes], empty: str
) -> None:
    """Check the team's work, on its database and on an empty one."""
    for name, (old, new) in edits.items():
        text = (project.folder / RENAMED.get(name, name)).read_text("utf-8")
        for line in {*new.splitlines()} - {*old.splitlines()}:
            assert line in text, name
    for name in RENAMED:
        assert not (project.folder / name).exists()
    for name, text in OWN.items():
        assert (project.folder / name).read_text("utf-8") == text
    assert not (project.folder / DELETED).exists()
    assert revisions(project.folder) == before
    for database_url in (url, empty):
        # This would fail with two heads.
        project.alembic(database_url, "upgrade", "head")
    project.alembic(url, "check")
    assert schema(server, url) == schema(server, empty)
    assert server.query(url, "SELECT name, phone_number FROM users") == [("Ada", "12")]


@pytest.mark.parametrize(
    ("project", "release"), in_turns(DATABASES, MILESTONES), indirect=["project"]
)
def test_nothing_is_lost(
    project: Project, server: Server, releases: Releases, url: str, tmp_path: Path, release: str
) -> None:
    """Without conflicts both modes do the same, so the databases take them in turns."""
    answers = {"database": project.database}
    folder = start_service(releases, tmp_path / "orders", release, answers)
    old = share_environment(folder, project, url)
    edits = work_for_a_year(old, server, url)
    before = revisions(folder)
    turn = RELEASES.index(release) + DATABASES.index(project.database)
    update_trusting_hooks(releases, folder, releases.next, conflict=CONFLICT_MODES[turn % 2])
    assert not conflicts(folder)
    with server.empty_database(tmp_path) as empty:
        assert_nothing_is_lost(old, server, url, edits, before, empty)
    # All releases update to the same files, as test_updates.py checks, so one of them is enough;
    # services of 1.x and 2.0 are checked with other edits in test_move_services.py and tests/auth/.
    if (project.database, release) == ("sqlite", RELEASES[-1]):
        keep_environment(old)
        old.make("format")
        old.make("check", timeout=600)


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_squashed_first_revision(
    project: Project, server: Server, releases: Releases, url: str, tmp_path: Path
) -> None:
    """The template's first revision was deleted, and an update does not add it again."""
    folder = start_service(releases, tmp_path / "orders", RELEASES[0], {"database": "sqlite"})
    old = share_environment(folder, project, url)
    edits = work_for_a_year(old, server, url)
    newest = max(old.revisions)
    text = newest.read_text("utf-8")
    with server.empty_database(tmp_path) as nothing:
        for path in old.revisions:
            path.unlink()
        old.alembic(nothing, "revision", "--autogenerate", "-m", "start", "--rev-id", "0001")
    assert only(old.revisions).read_text("utf-8") != text
    old.alembic(url, "stamp", "--purge", "0001")
    commit(folder, "Squash")
    before = revisions(folder)
    update_trusting_hooks(releases, folder, releases.next)
    with server.empty_database(tmp_path) as empty:
        assert_nothing_is_lost(old, server, url, edits, before, empty)
    for content in before.values():
        assert FIRST not in content.decode()


AUDIT_OPTION = """
audit:
  type: bool
  default: false
"""
NICKNAME = "    nickname: Mapped[str | None] = mapped_column(String(100))\n"
AUDITED = "{% if audit %}    audited: Mapped[str | None] = mapped_column(String(100))\n{% endif %}"


@pytest.fixture(scope="module")
def with_option(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Return releases, with 90.0.0: a mixin has one more column, and an option adds another one."""
    made = tagged_clone(tmp_path_factory.mktemp("option") / "template")
    template = made.source / "template"
    first = template / "migrations/versions/2026_01_01_0000-create_users.py"
    column = '        sa.Column("{}", sa.String(length=100), nullable={}),\n'
    name = column.format("name", "False")
    edit(first, name, name + column.format("nickname", "True"))
    (made.source / "options/70-audit.yml").write_text(AUDIT_OPTION, "utf-8")
    last = "--- !include options/60-ci.yml\n"
    edit(made.source / "copier.yml", last, f"{last}--- !include options/70-audit.yml\n")
    models = template / "kit/models.py"
    models = models.rename(models.with_suffix(".py.jinja"))
    key = "    id: Mapped[UUID] = mapped_column("
    edit(models, key, f"{NICKNAME}{AUDITED}{key}")
    edit(models, "    DateTime,\n", "    DateTime,\n    String,\n")
    publish(made.source, "90.0.0")
    return made


def revise(project: Project, url: str, message: str) -> str:
    """Follow the steps of `make update` after a change of models of main; return the revision."""
    before = set(project.revisions)
    project.alembic(url, "revision", "--autogenerate", "-m", message)
    project.alembic(url, "-x", "allow=users.audited", "upgrade", "head")
    project.alembic(url, "check")
    path = only(set(project.revisions) - before)
    return path.read_text("utf-8")


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_schema_equals_that_of_a_fresh_copy(
    project: Project, server: Server, with_option: Releases, url: str, tmp_path: Path
) -> None:
    """The first revision and one with the changes give the same as the new first revision."""
    answers = {"database": project.database}
    old = start_service(with_option, tmp_path / "old", with_option.next, answers)
    service = share_environment(old, project, url)
    service.alembic(url, "upgrade", "head")
    update(old, "90.0.0")
    assert "nickname" in revise(service, url, "update to 90.0.0")
    fresh = start_service(with_option, tmp_path / "fresh", "90.0.0", answers)
    with server.empty_database(tmp_path) as empty:
        share_environment(fresh, project, empty).alembic(empty, "upgrade", "head")
        assert server.schema(url) == server.schema(empty)


@pytest.mark.parametrize(
    ("project", "way"), [("postgresql", recopy), ("sqlite", update)], indirect=["project"]
)
def test_option_with_a_column(
    project: Project, server: Server, with_option: Releases, url: str, tmp_path: Path, way: Any
) -> None:
    """On, off and on again: copier changes kit, revisions of the service change its tables."""
    answers: Answers = {"database": project.database}
    folder = start_service(with_option, tmp_path / "orders", with_option.next, answers)
    old = share_environment(folder, project, url)
    old.alembic(url, "upgrade", "head")
    for audit in (True, False, True):
        commit(folder, "Before")
        way(folder, "90.0.0", data={"audit": audit})
        text = revise(old, url, f"audit {audit}")
        upgrade, _, downgrade = text.partition("def downgrade")
        if audit:
            adding, dropping = upgrade, downgrade
        else:
            adding, dropping = downgrade, upgrade
        assert 'add_column(sa.Column("audited"' in without_table(adding)
        assert 'drop_column("audited")' in without_table(dropping)
    assert len(old.revisions) == 4
    with server.empty_database(tmp_path) as empty:
        old.alembic(empty, "upgrade", "head")
        assert server.schema(empty) == server.schema(url)


def without_table(text: str) -> str:
    """Return operations without the table: SQLite's batch operations name it in another line."""
    return "".join(text.split()).replace('"users",', "")
