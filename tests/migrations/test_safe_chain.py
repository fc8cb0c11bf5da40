"""Indexes and constraints on existing tables become a chain of revisions that block no queries."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.chain_models import DEFINITIONS, FORMER, HEAD, LATER, PARTITIONS, ROWS
from harness.databases import Server, server_of
from harness.lint import clean
from harness.processes import only
from harness.project import FIRST, Project
from harness.releases import edit

pytestmark = pytest.mark.seconds(70)

CALL = "run(target_metadata, Settings, process_revision_directives="
WRITE = ("revision", "--autogenerate", "-m")
COMMAND = """
from alembic import command
from alembic.config import Config

script = command.revision(Config("alembic.ini"), message="add it", autogenerate=True)
print(script.doc)
"""
CREATE_ALL = """
from app.models import Base
from app.settings import Settings
from kit._internal.postgresql.migrations import connect
from kit.settings import load

with connect(load(Settings)) as connection:
    Base.metadata.create_all(connection)
    connection.commit()
"""
PROCESS = '''
def add_statement(context, revision, directives):
    """Add an operation of the project to each revision."""
    for script in directives:
        script.upgrade_ops.ops.append(ExecuteSQLOp("SELECT 'of the project'"))
        script.downgrade_ops.ops.append(ExecuteSQLOp("SELECT 'of the project'"))
'''


@dataclass(frozen=True)
class Chain:
    """A project with a chain of revisions, and its database, in which the former tables are."""

    project: Project
    server: Server
    url: str
    # The revision of the former models.
    base: str
    paths: list[Path]

    def text_of(self, title: str) -> str:
        """Return the revision whose file name ends so."""
        path = only([path for path in self.paths if path.stem.endswith(f"-{title}")])
        return path.read_text("utf-8")

    def definitions(self) -> list[tuple[object, ...]]:
        return self.server.query(self.url, DEFINITIONS)


def write_models(project: Project, models: str) -> None:
    (project.folder / "app/models/cases.py").write_text(HEAD + models, "utf-8")
    hub = project.folder / "app/models/__init__.py"
    if "cases" not in hub.read_text("utf-8"):
        hub.write_text(hub.read_text("utf-8") + "from app.models import cases\n", "utf-8")


def write_revisions(project: Project, url: str, message: str, *options: str) -> list[Path]:
    """Write what the models need; return the new files in their order."""
    before = set(project.revisions)
    project.alembic(url, *options, *WRITE, message)
    return sorted(set(project.revisions) - before)


def prepare(project: Project, server: Server, url: str) -> str:
    """Create the former tables with rows, and change the models; return the revision."""
    server.query(url, 'CREATE SCHEMA "shop-1"')
    project.alembic(url, "upgrade", "head")
    write_models(project, FORMER)
    path = only(write_revisions(project, url, "start"))
    project.alembic(url, "upgrade", "head")
    server.query(url, PARTITIONS)
    server.query(url, ROWS)
    write_models(project, LATER)
    return identifier(path)


def identifier(path: Path) -> str:
    return path.read_text("utf-8").partition("Revision ID: ")[2].split()[0]


@pytest.fixture(scope="module")
def project(projects: Callable[..., Project]) -> Project:
    """Return the project of PostgreSQL, the only database with chains."""
    return projects("postgresql")


@pytest.fixture(scope="module")
def chain(
    projects: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chain]:
    """Yield the chain of all changes, written once."""
    project = projects("postgresql")
    server = server_of(project)
    folder = tmp_path_factory.mktemp("chain")
    with server.empty_database(folder) as url:
        copy = project.copy(folder / "orders", url)
        base = prepare(copy, server, url)
        paths = write_revisions(copy, url, "change it")
        yield Chain(copy, server, url, base, paths)


def test_lint_finds_nothing(chain: Chain) -> None:
    assert clean(chain.project, f"base={chain.base}").endswith(", nothing dangerous")


def test_chain_runs_up_down_and_up(chain: Chain, tmp_path: Path) -> None:
    """It ends with the schema of the models, and leads back to that before."""
    former = chain.definitions()
    chain.project.alembic(chain.url, "upgrade", "head")
    later = chain.definitions()
    assert "No new upgrade operations" in chain.project.alembic(chain.url, "check").stdout
    with chain.server.empty_database(tmp_path) as url:
        chain.server.query(url, 'CREATE SCHEMA "shop-1"')
        chain.project.run("python", "-c", CREATE_ALL, env={"DATABASE_URL": url})
        assert chain.server.query(url, DEFINITIONS) == later
    chain.project.alembic(chain.url, "downgrade", chain.base)
    # Constraints that come back are not validated, which would read all rows.
    restored = {name: text.removesuffix(" NOT VALID") for _, name, text, _ in chain.definitions()}
    assert restored == {name: text for _, name, text, _ in former}
    chain.project.alembic(chain.url, "upgrade", "head")
    assert chain.definitions() == later
    chain.project.alembic(chain.url, "downgrade", chain.base)


def test_files_have_the_order_of_the_chain(chain: Chain) -> None:
    previous = chain.base
    for path in chain.paths:
        assert f'down_revision: str | Sequence[str] | None = "{previous}"' in path.read_text(
            "utf-8"
        )
        previous = identifier(path)
    assert chain.paths[0].stem.endswith("-change_it")
    titles = [path.stem.partition("-change_it_")[2] for path in chain.paths[-2:]]
    assert titles == ["attach_uq_items_changed_and_8_", "validate_ck_items_"]


def test_index_is_replaced_without_a_gap(chain: Chain) -> None:
    new = chain.text_of("change_it_create_ix_items_changed_new")
    assert 'op.f("ix_items_changed_new"),\n            "items",\n            ["a", "b"],' in new
    assert "with op.get_context().autocommit_block():\n        op.create_index(" in new
    assert "postgresql_concurrently=True,\n            if_not_exists=True," in new
    replaced = chain.text_of("change_it_replace_ix_items_changed")
    names = re.findall(r"RENAME TO (\w+)", replaced.partition("def downgrade")[0])
    assert names == ["ix_items_changed_old", "ix_items_changed"]
    old = chain.text_of("change_it_drop_ix_items_changed_old")
    assert "postgresql_concurrently=True,\n            if_exists=True," in old


def test_unique_constraint_is_replaced_in_one_statement(chain: Chain) -> None:
    attached = chain.text_of("change_it_attach_uq_items_changed_and_8_")
    assert (
        '    op.execute("""\n'
        "        ALTER TABLE items\n"
        "          DROP CONSTRAINT uq_items_changed,\n"
        "          ADD CONSTRAINT uq_items_changed UNIQUE\n"
        "          USING INDEX uq_items_changed_new\n"
        '    """)\n'
    ) in attached
    assert "ADD CONSTRAINT ... USING INDEX takes ACCESS EXCLUSIVE on items, teams and b" in attached


def test_constraints_are_validated_afterwards(chain: Chain) -> None:
    upgrade, _, downgrade = chain.text_of("change_it").partition("def downgrade")
    assert upgrade.count("op.create_foreign_key(") == 5
    assert upgrade.count("op.create_check_constraint(") == 3
    assert upgrade.count("postgresql_not_valid=True") == 5 + 3
    assert downgrade.count("postgresql_not_valid=True") == 3
    validated = chain.text_of("change_it_validate_ck_items_")
    assert (
        'op.execute("ALTER TABLE items VALIDATE CONSTRAINT fk_items_parent_id_items")' in validated
    )
    assert 'ALTER TABLE "shop-1".bills VALIDATE CONSTRAINT fk_bills_user_id_users' in validated
    assert (
        "    # db-lint: allow no-downgrade: validation needs no rollback\n    pass\n" in validated
    )


def test_revisions_explain_themselves_and_are_clean_code(chain: Chain) -> None:
    for path in chain.paths:
        text = path.read_text("utf-8")
        docstring = text.split('"""')[1]
        assert " EXCLUSIVE" in docstring, path
        assert "please adjust" not in text
    names = [path.relative_to(chain.project.folder).as_posix() for path in chain.paths]
    chain.project.run("ruff", "check", *names)
    chain.project.run("ruff", "format", "--check", *names)
    chain.project.run("mypy", *names, timeout=300)


@pytest.fixture
def changed(copy: Project, url: str) -> Project:
    """Return a migrated project whose models have a new unique constraint: two revisions."""
    copy.alembic(url, "upgrade", "head")
    add_unique_name(copy)
    return copy


def add_unique_name(project: Project) -> None:
    users = project.folder / "app/models/user.py"
    edit(
        users, 'UniqueConstraint("email"),', 'UniqueConstraint("email"), UniqueConstraint("name"),'
    )


def test_messages_that_begin_alike_get_a_file_each(changed: Project, url: str) -> None:
    """Alembic shortens file names: the revisions of a second would replace each other."""
    paths = write_revisions(changed, url, "a message that is longer than forty characters")
    assert len(paths) == 2
    assert changed.alembic(url, "heads").stdout == f"{identifier(paths[-1])} (head)\n"


def test_unsafe_is_plain_alembic(changed: Project, url: str) -> None:
    changed.make("db-revision", "m=plain", "unsafe=1", env={"DATABASE_URL": url})
    text = changed.new_revision.read_text("utf-8")
    assert '    op.create_unique_constraint(op.f("uq_users_name"), "users", ["name"])\n' in text
    assert text.startswith('"""plain\n\nRevision ID')


def test_options_of_the_first_revision_are_kept(changed: Project, url: str) -> None:
    options = ("--rev-id=0042", f"--head={FIRST}", "--branch-label=mine")
    changed.alembic(url, *WRITE, "label it", *options)
    paths = sorted(set(changed.revisions) - {changed.revisions[0]})
    assert identifier(paths[0]) == "0042"
    assert changed.alembic(url, "heads").stdout == f"{identifier(paths[1])} (mine) (head)\n"


def test_function_of_the_project_is_called_before(changed: Project, url: str) -> None:
    """What it adds is written; Alembic called from Python writes what it has always written."""
    environment = changed.folder / "migrations/env.py"
    imports = "from alembic.operations.ops import ExecuteSQLOp\n\n"
    edit(environment, "from app.models", f"{imports}from app.models")
    edit(environment, "# The tables", f"{PROCESS.strip()}\n\n\n# The tables")
    edit(environment, "run(target_metadata, Settings", f"{CALL}add_statement")
    paths = write_revisions(changed, url, "add it")
    assert len(paths) == 3
    assert paths[0].read_text("utf-8").count("op.execute(\"SELECT 'of the project'\")") == 2
    for path in paths:
        path.unlink()
    done = changed.run("python", "-c", COMMAND, env={"DATABASE_URL": url})
    assert done.stdout.splitlines()[-1] == "add it"
    assert "op.create_unique_constraint" in changed.new_revision.read_text("utf-8")


def test_function_of_the_project_may_write_nothing(changed: Project, url: str) -> None:
    environment = changed.folder / "migrations/env.py"
    edit(
        environment,
        "run(target_metadata, Settings",
        f"{CALL}lambda *arguments: arguments[2].clear()",
    )
    assert not write_revisions(changed, url, "nothing")
