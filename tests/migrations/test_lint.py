"""`make db-lint`: what is dangerous is found, the safe way is not, and a reason can allow it."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.processes import lines_of, only, variables
from harness.project import FIRST, Project
from harness.template import ROOT, Render
from harness.working_copy import add_column, commit, git, init_repository, revise
from tools.pages import blocks

UNUSED = "Release code that does not use it, and drop it one release later."
GO_OVER = "Add a new one, write both, backfill, read the new one, drop the old one a release later."
ALONE = "In a revision of its own: autocommit_block(), postgresql_concurrently, if_not_exists=True."
NOT_VALID = "VALIDATE the constraint in a separate transaction."
BACKFILL = "Rows stay locked. Use make db-backfill."
BROKEN = "The deployed code may break it. First release code that does not, and mend the rows."
UNSEEN = "upgrade() and downgrade() must run as --sql."


GUIDE = ROOT / "docs/how-to/write-a-safe-revision.md"
OTHER_RULES = {"create-all", "merged-revision", "no-downgrade", "two-heads"}


class Hazard(NamedTuple):
    """The body of upgrade(), the rule that it breaks, the statement, and how the advice ends.

    Before that, and where there is no advice here, squawk has its say.
    """

    upgrade: str
    rule: str
    sql: str
    advice: str


# What is as dangerous on every database, and told in the same words.
COMMON = [
    Hazard(
        'op.drop_column("users", "name")',
        "ban-drop-column",
        "ALTER TABLE users DROP COLUMN name;",
        UNUSED,
    ),
    Hazard(
        'with op.batch_alter_table("users") as batch:\n    batch.drop_column("name")',
        "ban-drop-column",
        "ALTER TABLE users DROP COLUMN name;",
        UNUSED,
    ),
    Hazard('op.drop_table("users")', "ban-drop-table", "DROP TABLE users;", UNUSED),
    Hazard(
        'op.alter_column("users", "name", new_column_name="title")',
        "renaming-column",
        "ALTER TABLE users RENAME name TO title;",
        GO_OVER,
    ),
    Hazard(
        'op.execute("ALTER TABLE users RENAME COLUMN name TO title")',
        "renaming-column",
        "ALTER TABLE users RENAME COLUMN name TO title;",
        GO_OVER,
    ),
    Hazard(
        'op.rename_table("users", "people")',
        "renaming-table",
        "ALTER TABLE users RENAME TO people;",
        GO_OVER,
    ),
    Hazard(
        'op.execute("UPDATE users SET name = email")',
        "backfill",
        "UPDATE users SET name = email;",
        BACKFILL,
    ),
    Hazard(
        'op.execute("""\n    -- none is left out\n    WITH few AS (SELECT 1)\n    UPDATE users'
        ' SET name = email\n""")',
        "backfill",
        "UPDATE users SET name = email;",
        BACKFILL,
    ),
    Hazard(
        'op.execute("WITH few AS (SELECT 1) DELETE FROM users")',
        "backfill",
        "DELETE FROM users;",
        BACKFILL,
    ),
    Hazard(
        'op.execute("INSERT INTO people (id)\\nSELECT id FROM users")',
        "backfill",
        "INSERT INTO people (id)",
        BACKFILL,
    ),
    Hazard(
        'op.get_bind().execute(sa.table("users", sa.column("id")).delete())',
        "backfill",
        "DELETE FROM users;",
        BACKFILL,
    ),
    Hazard(
        'op.get_bind().execute(sa.text("SELECT 1")).scalar_one()',
        "unreadable",
        "AttributeError(\"'NoneType' object has no attribute 'scalar_one'\")",
        UNSEEN,
    ),
]
HAZARDS = {
    "postgresql": [
        Hazard(
            'op.add_column("users", sa.Column("a", sa.Integer(), nullable=False))',
            "adding-required-field",
            "ALTER TABLE users ADD COLUMN a INTEGER NOT NULL;",
            "Make the field nullable or add a non-VOLATILE DEFAULT",
        ),
        Hazard(
            'op.add_column("users", sa.Column("a", sa.Uuid(),'
            ' server_default=sa.text("gen_random_uuid()")))',
            "adding-field-with-default",
            "ALTER TABLE users ADD COLUMN a UUID DEFAULT gen_random_uuid();",
            "add a trigger to update the column on write instead.",
        ),
        Hazard(
            'op.alter_column("users", "name", nullable=False)',
            "adding-not-nullable-field",
            "ALTER TABLE users ALTER COLUMN name SET NOT NULL;",
            "Make the field nullable and use a `CHECK` constraint instead.",
        ),
        Hazard(
            'op.create_index("ix_users_name", "users", ["name"])',
            "require-concurrent-index-creation",
            "CREATE INDEX ix_users_name ON users (name);",
            ALONE,
        ),
        Hazard(
            'op.drop_index("ix_users_name")',
            "require-concurrent-index-deletion",
            "DROP INDEX ix_users_name;",
            ALONE,
        ),
        Hazard(
            'op.create_index("ix", "users", ["name"], postgresql_concurrently=True,'
            " if_not_exists=True)",
            "ban-concurrent-index-creation-in-transaction",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON users (name);",
            ALONE,
        ),
        Hazard(
            "with op.get_context().autocommit_block():\n"
            '    op.create_index("ix", "users", ["name"], postgresql_concurrently=True)',
            "prefer-robust-stmts",
            "CREATE INDEX CONCURRENTLY ix ON users (name);",
            ALONE,
        ),
        Hazard(
            'op.add_column("users", sa.Column("a", sa.Integer()))\n'
            "with op.get_context().autocommit_block():\n"
            '    op.create_index("ix", "users", ["a"], postgresql_concurrently=True,'
            " if_not_exists=True)",
            "mixed-autocommit",
            "COMMIT;",
            f"What comes before stays if the rest fails. {ALONE}",
        ),
        Hazard(
            'op.add_column("users", sa.Column("a", sa.Enum("x", name="a")))',
            "native-enum",
            "sa.Enum('x', name='a')",
            "or create_type=False, with CREATE TYPE and DROP TYPE.",
        ),
        Hazard(
            'op.alter_column("users", "name", type_=sa.Text())',
            "changing-column-type",
            "ALTER TABLE users ALTER COLUMN name TYPE TEXT;",
            GO_OVER,
        ),
        Hazard(
            'op.create_foreign_key("fk", "users", "teams", ["team_id"], ["id"])',
            "adding-foreign-key-constraint",
            "ALTER TABLE users ADD CONSTRAINT fk FOREIGN KEY(team_id) REFERENCES teams (id);",
            NOT_VALID,
        ),
        Hazard(
            'op.create_check_constraint("ck", "users", "a > 1")',
            "constraint-missing-not-valid",
            "ALTER TABLE users ADD CONSTRAINT ck CHECK (a > 1);",
            "Use `NOT VALID` with a later `VALIDATE CONSTRAINT` call.",
        ),
        Hazard(
            'op.create_unique_constraint("uq", "users", ["name"])',
            "disallowed-unique-constraint",
            "ALTER TABLE users ADD CONSTRAINT uq UNIQUE (name);",
            "Create an index `CONCURRENTLY` and create the constraint using the index.",
        ),
        Hazard(
            'op.execute("DO $$ BEGIN UPDATE users SET name = email; END $$")',
            "backfill",
            "UPDATE users SET name = email; END $$;",
            BACKFILL,
        ),
    ],
    "sqlite": [
        Hazard(
            'op.add_column("users", sa.Column("a", sa.Integer(), nullable=False))',
            "adding-required-field",
            "ALTER TABLE users ADD COLUMN a INTEGER NOT NULL;",
            "The deployed code does not fill it, nor do the rows there are. Give it a server_default.",
        ),
        Hazard(
            'with op.batch_alter_table("users") as batch:\n'
            '    batch.alter_column("name", nullable=False)',
            "adding-not-nullable-field",
            "ALTER TABLE users ALTER COLUMN name SET NOT NULL;",
            BROKEN,
        ),
        Hazard(
            'with op.batch_alter_table("users") as batch:\n'
            '    batch.alter_column("name", type_=sa.Text())',
            "changing-column-type",
            "ALTER TABLE users ALTER COLUMN name TYPE TEXT;",
            GO_OVER,
        ),
        Hazard(
            'with op.batch_alter_table("users") as batch:\n'
            '    batch.create_check_constraint("ck", "a > 1")',
            "adding-constraint",
            "ALTER TABLE users ADD CONSTRAINT ck CHECK (a > 1);",
            BROKEN,
        ),
        Hazard(
            'with op.batch_alter_table("users") as batch:\n'
            '    batch.create_unique_constraint("uq", ["name"])',
            "adding-constraint",
            "ALTER TABLE users ADD CONSTRAINT uq UNIQUE (name);",
            BROKEN,
        ),
        Hazard(
            'with op.batch_alter_table("users") as batch:\n'
            '    batch.create_foreign_key("fk", "teams", ["team_id"], ["id"])',
            "adding-constraint",
            "ALTER TABLE users ADD CONSTRAINT fk FOREIGN KEY(team_id) REFERENCES teams (id);",
            BROKEN,
        ),
    ],
}
# What the advice leads to, and what only looks dangerous.
HARMLESS = [
    'op.add_column("users", sa.Column("a", sa.Integer()))',
    'op.add_column("users", sa.Column("a", sa.Integer(), nullable=False, server_default="0"))',
    'op.alter_column("users", "name", nullable=True)',
    # A new table is empty.
    (
        'op.create_table("orders", sa.Column("id", sa.Integer(), primary_key=True),'
        ' sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id", ondelete="CASCADE")))\n'
        'op.create_index("ix_orders_user_id", "orders", ["user_id"])\n'
        'op.create_unique_constraint("uq_orders_user_id", "orders", ["user_id"])'
    ),
    # Rows that stand in the file are few.
    'op.bulk_insert(sa.table("roles", sa.column("name", sa.String())), [{"name": "UPDATE"}])',
    "op.execute(\"INSERT INTO roles (name) VALUES ('a') ON CONFLICT (name) DO UPDATE SET a = 1\")",
    "from alembic import context\nif not context.is_offline_mode():\n    op.get_bind().scalar(None)",
    '"""Changes nothing: UPDATE users."""\nassert op.get_context().as_sql  # UPDATE users',
]
SAFE = {
    "postgresql": [
        (
            "with op.get_context().autocommit_block():\n"
            '    op.execute("SET statement_timeout = 0")\n'
            '    op.create_index("ix", "users", ["name"], postgresql_concurrently=True,'
            " if_not_exists=True)"
        ),
        (
            "with op.get_context().autocommit_block():\n"
            '    op.drop_index("ix", postgresql_concurrently=True, if_exists=True)'
        ),
        'op.create_check_constraint("ck", "users", "a > 1", postgresql_not_valid=True)',
        (
            'op.create_foreign_key("fk", "users", "teams", ["team_id"], ["id"],'
            " postgresql_not_valid=True)"
        ),
        'op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck")',
        (
            'op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck")\n'
            'op.alter_column("users", "name", nullable=False)\n'
            'op.drop_constraint("ck", "users")'
        ),
        'op.execute("ALTER TABLE users ADD CONSTRAINT uq UNIQUE USING INDEX ix")',
        'op.execute("ALTER TABLE users ADD CONSTRAINT pk PRIMARY KEY USING INDEX ix")',
    ],
    "sqlite": [
        'op.create_index("ix_users_name", "users", ["name"], unique=True)',
        'op.drop_index("ix_users_name", "users")',
        (
            'op.create_table("teams", sa.Column("id", sa.Integer(), primary_key=True))\n'
            'op.add_column("teams", sa.Column("name", sa.String(9), nullable=False))\n'
            'with op.batch_alter_table("teams") as batch:\n    batch.drop_column("name")\n'
            'op.drop_table("teams")'
        ),
    ],
}


class Found(NamedTuple):
    file: str
    rule: str
    what: str
    advice: str = ""


def settings(project: Project, arguments: Iterable[str]) -> dict[str, str]:
    """Return the variables; where git has no history, all but the template's revision is new."""
    folders = (project.folder, *project.folder.parents)
    known = any((folder / ".git").exists() for folder in folders)
    return {**({} if known else {"base": FIRST}), **variables(arguments)}


def lint(project: Project, *arguments: str) -> list[Found]:
    """Return what it finds; it ends with a failure when that is something."""
    done = project.script("lint", env=settings(project, arguments), code=None)
    found = []
    for paragraph in re.split(r"\n(?! )", done.stdout.strip()):
        first, _, advice = paragraph.partition("\n    ")
        file, rule, what = first.split(": ", 2)
        assert (project.folder / file).exists() or rule == "merged-revision"
        found.append(Found(Path(file).name, rule, what.strip(), advice))
    return found


def clean(project: Project, *arguments: str) -> str:
    """Return the one line that it says when there is nothing."""
    line = only(project.script("lint", env=settings(project, arguments)).stdout.splitlines())
    return line


def refusal(project: Project, *arguments: str, **options: str) -> list[str]:
    done = project.script("lint", env={**variables(arguments), **options}, code=None)
    assert not done.stdout
    return lines_of(done.stderr)


def plant(project: Project, bodies: list[str]) -> list[Path]:
    """Write a revision for each, one after the other."""
    names = [f"{number:012d}" for number in range(len(bodies))]
    return [
        revise(project, name, body, after=before)
        for name, before, body in zip(names, [FIRST, *names], bodies, strict=False)
    ]


def test_hazards_are_found(copy: Project) -> None:
    """Each with the file that it is in, the statement and the safe way."""
    hazards = COMMON + HAZARDS[copy.database]
    paths = plant(copy, [hazard.upgrade for hazard in hazards])
    found = lint(copy)
    assert [one.file for one in found] == [path.name for path in paths]
    for one, hazard in zip(found, hazards, strict=True):
        assert (one.rule, one.what) == (hazard.rule, hazard.sql)
        assert one.advice.endswith(hazard.advice)


# The rules of squawk that `make db-lint` does not apply, and why.
EXCLUSIONS = {
    "ban-drop-constraint": "the deployed code notices nothing",
    "ban-drop-not-null": "the deployed code notices nothing",
    "prefer-bigint-over-int": "a matter of taste, or of how many rows there will be",
    "prefer-bigint-over-smallint": "a matter of taste, or of how many rows there will be",
    "prefer-identity": "SQLAlchemy writes SERIAL for an integer key; keys here are UUIDs",
    "prefer-text-field": "the length of a text is a rule of the service",
    "require-lock-timeout": "the connection of migrations sets it",
    "require-statement-timeout": "the connection of migrations sets it",
}


def test_exclusions_have_reasons(rendered: Render) -> None:
    text = (rendered() / "scripts/hazards/postgresql.py").read_text("utf-8")
    written = re.search(r"^EXCLUDED = (\(.*?\n\))$", text, re.DOTALL | re.MULTILINE)
    assert written
    excluded = ast.literal_eval(written[1])
    assert sorted(excluded.split(",")) == sorted(EXCLUSIONS)


def test_safe_ways_are_not_found(copy: Project) -> None:
    bodies = HARMLESS + SAFE[copy.database]
    plant(copy, bodies)
    expected = f"new revisions since {FIRST}: {len(bodies)}, nothing dangerous"
    assert clean(copy) == expected


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_guide_is_right(copy: Project) -> None:
    """Its examples are clean, and it explains every rule that there is a hazard for here."""
    text = GUIDE.read_text("utf-8")
    examples = [block.text for block in blocks(text) if block.language == "python"]
    assert len(examples) > 8
    for path in plant(copy, examples):
        if "no-downgrade" in path.read_text("utf-8"):
            changed = path.read_text("utf-8").replace('op.execute("SELECT 1")', "pass")
            path.write_text(changed, "utf-8")
    clean(copy)
    hazards = [*COMMON, *(hazard for some in HAZARDS.values() for hazard in some)]
    rules = {hazard.rule for hazard in hazards} | OTHER_RULES
    assert not {rule for rule in rules if f"`{rule}`" not in text}


def test_several_in_one_revision(copy: Project) -> None:
    """They do not hide each other, also in one statement."""
    plant(copy, ['op.execute("ALTER TABLE users DROP name")\nop.rename_table("users", "people")'])
    assert [one.rule for one in lint(copy)] == ["ban-drop-column", "renaming-table"]


def test_downgrade_has_to_work(copy: Project) -> None:
    harmless = 'op.add_column("users", sa.Column("a", sa.Integer()))'
    idle = ["pass", '"""Nothing."""', "return", "...", "str(0)"]
    fails = {
        "raise NotImplementedError": "NotImplementedError()",
        'op.drop_column("users", "a")\nraise RuntimeError("no way")': "RuntimeError('no way')",
    }
    names = [f"{number:012d}" for number in range(len(idle) + len(fails) + 2)]
    paths = [
        revise(copy, name, harmless, downgrade, after=before)
        for name, before, downgrade in zip(names, [FIRST, *names], [*idle, *fails], strict=False)
    ]
    missing = revise(copy, names[-2], harmless, after=names[-3])
    missing.write_text(missing.read_text("utf-8").partition("def downgrade")[0], "utf-8")
    revise(copy, names[-1], "pass", "pass", after=names[-2])
    nothing = "downgrade() does nothing. Take back what it can."
    *found, last = lint(copy)
    assert found == [
        *(Found(path.name, "no-downgrade", nothing) for path in paths[: len(idle)]),
        *(
            Found(path.name, "unreadable", error, UNSEEN)
            for path, error in zip(paths[len(idle) :], fails.values(), strict=True)
        ),
    ]
    assert (last.file, last.rule) == (missing.name, "unreadable")
    assert "has no attribute 'downgrade'" in last.what


def test_failing_downgrade_hides_nothing(copy: Project) -> None:
    """A finding that is allowed is the only one that is."""
    path = only(plant(copy, ['op.drop_column("users", "name")']))
    text = path.read_text("utf-8").replace('op.execute("SELECT 1")', "raise NotImplementedError")
    path.write_text(text + "\n\n# db-lint: allow unreadable: there is no way back\n", "utf-8")
    assert [one.rule for one in lint(copy)] == ["ban-drop-column"]


def test_create_all_is_found(copy: Project) -> None:
    path = copy.folder / "app/main.py"
    text = path.read_text("utf-8")
    path.write_text(text + "\n\n# Never create_all(), make all of it by hand.\n", "utf-8")
    clean(copy)
    code = "\n\nasync def make(engine):\n    await engine.run_sync(Base.metadata.create_all)\n"
    path.write_text(text + code, "utf-8")
    advice = "Leave tables to revisions, which fail where they exist."
    assert lint(copy) == [Found("main.py", "create-all", advice)]
    path.write_text(text + code + "\n\n# db-lint: allow create-all: for a test\n", "utf-8")
    clean(copy)


def test_comment_allows_what_it_gives_a_reason_for(copy: Project) -> None:
    path = only(
        plant(copy, ['op.drop_column("users", "name")\nop.rename_table("users", "people")'])
    )
    text = path.read_text("utf-8")

    def with_comment(comment: str) -> list[str]:
        path.write_text(text.replace('"name")', f'"name")  {comment}'), "utf-8")
        return [one.rule for one in lint(copy)]

    both = ["ban-drop-column", "renaming-table"]
    assert with_comment("# nothing") == both
    assert with_comment("# db-lint: allow ban-drop-column: unused since 1.4") == both[1:]
    for comment in (
        "# db-lint: allow ban-drop-column",
        "# db-lint: allow ban-drop-column:",
        "# db-lint: allow ban-drop-column: ",
        "# db-lint: allow: it is fine",
        "# db-lint: ignore",
        "# db-lint: allow ban-drop-colum: why not",
        "# db-lint: allow ban-drop-columns: why not",
        "# db-lint: allow ban-drop-table: why not",
    ):
        assert with_comment(comment) == both


def test_only_what_the_branch_adds(copy: Project) -> None:
    """Committed or not; what is on the main branch was seen to when it came there."""
    old, new = "aaaaaaaaaaa1", "bbbbbbbbbbb1"
    revise(copy, old, 'op.drop_column("users", "name")')
    init_repository(copy)
    assert clean(copy) == "new revisions since main: 0, nothing dangerous"
    revise(copy, new, 'op.rename_table("users", "people")', after=old)
    assert [one.rule for one in lint(copy)] == ["renaming-table"]
    git(copy, "switch", "--quiet", "--create", "work")
    commit(copy)
    assert [one.rule for one in lint(copy)] == ["renaming-table"]
    assert clean(copy, "base=work") == "new revisions since work: 0, nothing dangerous"
    assert clean(copy, "base=HEAD") == "new revisions since HEAD: 0, nothing dangerous"
    git(copy, "branch", "--force", "main")
    add_column(copy, "ccccccccccc1", "größe", after=new)
    assert clean(copy) == "new revisions since main: 1, nothing dangerous"


def test_merged_revision_must_not_change(copy: Project) -> None:
    names = ("aaaaaaaaaaa1", "bbbbbbbbbbb1")
    first, second = (
        add_column(copy, name, f"column_{name}", after=after)
        for name, after in zip(names, [FIRST, *names], strict=False)
    )
    init_repository(copy)
    git(copy, "switch", "--quiet", "--create", "work")
    # Somebody else's change of the same file, later on the main branch, is not this branch's.
    git(copy, "switch", "--quiet", "main")
    third = add_column(copy, "ccccccccccc1", "third", after=names[1])
    first.write_text(first.read_text("utf-8") + "# theirs\n", "utf-8")
    commit(copy)
    git(copy, "switch", "--quiet", "work")
    assert clean(copy) == "new revisions since main: 0, nothing dangerous"
    text = first.read_text("utf-8")
    first.write_text(text + "# mine\n", "utf-8")
    second.unlink()
    advice = "Changed. Restore it, write a new one."
    changed = Found(first.name, "merged-revision", advice)
    deleted = Found(second.name, "merged-revision", advice)
    assert lint(copy) == [changed, deleted]
    commit(copy)
    assert lint(copy) == [changed, deleted]
    first.write_text(text + "# db-lint: allow merged-revision: a comment only\n", "utf-8")
    assert lint(copy) == [deleted]
    git(copy, "checkout", "--quiet", "HEAD^", "--", "migrations/versions")
    assert not third.exists()
    clean(copy)


def test_two_heads_are_told(copy: Project) -> None:
    add_column(copy, "aaaaaaaaaaa1", "phone")
    add_column(copy, "bbbbbbbbbbb1", "fax")
    advice = (
        "aaaaaaaaaaa1 and bbbbbbbbbbb1 come last. `make db-rebase` puts those of this branch last."
        " If others have applied one, `alembic merge heads` adds a revision that follows both."
    )
    assert lint(copy) == [Found("versions", "two-heads", advice)]
    copy.run("alembic", "merge", "heads", "-m", "join")
    clean(copy)


def test_part_of_a_repository(copy: Project, tmp_path: Path) -> None:
    """A project may be a folder among others, each with revisions of its own."""
    whole = Project(tmp_path / "whole", copy.database)
    folder = whole.folder / "services größer/orders"
    folder.parent.mkdir(parents=True)
    copy.folder.rename(folder)
    part = Project(folder, copy.database)
    other = whole.folder / "migrations/versions/2026_01_01_0000-other.py"
    other.parent.mkdir(parents=True)
    other.write_text("x = 1\n", "utf-8")
    git(whole, "init", "--quiet", "--initial-branch", "main")
    (whole.folder / ".git/info/exclude").write_text(".venv\n", "utf-8")
    commit(whole)
    add_column(part, "aaaaaaaaaaa1", "phone")
    other.write_text("x = 2\n", "utf-8")
    assert clean(part) == "new revisions since main: 1, nothing dangerous"
    first = part.revisions[0]
    first.write_text(first.read_text("utf-8") + "# mine\n", "utf-8")
    assert [(one.file, one.rule) for one in lint(part)] == [(first.name, "merged-revision")]


def test_repository_of_somebody_else(copy: Project) -> None:
    """git refuses it for its own reasons, and says what to do about it."""
    init_repository(copy)
    environment = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    lines = refusal(copy, **environment)
    assert "dubious ownership" in lines[0]
    assert "git config --global --add safe.directory" in "".join(lines)
