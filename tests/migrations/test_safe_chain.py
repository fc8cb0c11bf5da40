"""Indexes and constraints on existing tables become a chain of revisions that block no queries."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.chain_models import DEFINITIONS
from harness.chains import Chain, identifier, prepare, write_revisions
from harness.databases import server_of
from harness.lint import clean
from harness.project import Project

pytestmark = pytest.mark.seconds(70)

CREATE_ALL = """
from app.models import Base
from app.settings import Settings
from kit._internal.postgresql.migrations import connect
from kit.settings import load

with connect(load(Settings)) as connection:
    Base.metadata.create_all(connection)
    connection.commit()
"""


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
        yield Chain(copy, server, url, base, paths, DEFINITIONS)


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
