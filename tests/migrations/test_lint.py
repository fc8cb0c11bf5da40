"""`make db-lint`: it reports what is dangerous, unless a comment gives a reason, and nothing else."""

import ast
import re

import pytest

from harness.harmless_steps import HARMLESS, SAFE
from harness.hazards import COMMON, HAZARDS, UNSEEN
from harness.lint import Finding, broken_rules, clean, lint, write_chain
from harness.processes import only
from harness.project import FIRST, Project
from harness.releases import edit
from harness.template import ROOT, Render
from harness.working_copy import indented, revise
from tools.pages import blocks

# Where no database has a part in it, with the one that costs less.
light = pytest.mark.parametrize("project", ["sqlite"], indirect=True)

GUIDE = ROOT / "docs/how-to/write-a-safe-revision.md"
OTHER_RULES = {"create-all", "merged-revision", "no-downgrade", "two-heads"}


def test_hazards_are_found(copy: Project) -> None:
    """Each with the file that it is in, the statement and the safe way."""
    hazards = COMMON + HAZARDS[copy.database]
    paths = write_chain(copy, [hazard.upgrade for hazard in hazards])
    for path, finding, hazard in zip(paths, lint(copy), hazards, strict=True):
        assert finding[:3] == (path.name, hazard.rule, hazard.sql)
        assert finding.advice.endswith(hazard.advice)


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
    write_chain(copy, bodies)
    expected = f"new revisions since {FIRST}: {len(bodies)}, nothing dangerous"
    assert clean(copy) == expected


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_guide_is_right(copy: Project) -> None:
    """Its examples are clean, and it explains every rule that these tests have a hazard for."""
    text = GUIDE.read_text("utf-8")
    examples = [block.text for block in blocks(text) if block.language == "python"]
    assert len(examples) > 8
    for path in write_chain(copy, examples):
        if "no-downgrade" in path.read_text("utf-8"):
            changed = path.read_text("utf-8").replace('op.execute("SELECT 1")', "pass")
            path.write_text(changed, "utf-8")
    clean(copy)
    rules = set(OTHER_RULES)
    for hazards in (COMMON, *HAZARDS.values()):
        rules.update(hazard.rule for hazard in hazards)
    assert rules <= set(re.findall(r"`([^`\n]+)`", text))


def test_several_in_one_revision(copy: Project) -> None:
    """They do not hide each other, also in one statement."""
    write_chain(
        copy, ['op.execute("ALTER TABLE users DROP name")\nop.rename_table("users", "people")']
    )
    assert broken_rules(copy) == ["ban-drop-column", "renaming-table"]


# What a downgrade() does that takes nothing back, and what is wrong with others.
NOTHING = "downgrade() does nothing. Revert what it can."
IDLE = ["pass", '"""Nothing."""', "return", "...", "str(0)"]
FAILING = {
    "raise NotImplementedError": "NotImplementedError()",
    'op.drop_column("users", "a")\nraise RuntimeError("no way")': "RuntimeError('no way')",
}


def test_downgrade_has_to_work(copy: Project) -> None:
    count = len(IDLE) + len(FAILING) + 1
    paths = write_chain(copy, ['op.add_column("users", sa.Column("a", sa.Integer()))'] * count)
    expected = []
    for path, downgrade in zip(paths, [*IDLE, *FAILING], strict=False):
        edit(path, 'op.execute("SELECT 1")', indented(downgrade).strip())
        if downgrade in FAILING:
            expected.append(Finding(path.name, "unreadable", FAILING[downgrade], UNSEEN))
        else:
            expected.append(Finding(path.name, "no-downgrade", NOTHING))
    missing = paths[-1]
    missing.write_text(missing.read_text("utf-8").partition("def downgrade")[0], "utf-8")
    *findings, last = lint(copy)
    assert findings == expected
    assert (last.file, last.rule) == (missing.name, "unreadable")
    assert "has no attribute 'downgrade'" in last.what


def test_revision_that_does_nothing_needs_no_downgrade(copy: Project) -> None:
    revise(copy, "aaaaaaaaaaaa", "pass", "pass")
    clean(copy)


def test_failing_downgrade_hides_nothing(copy: Project) -> None:
    """A comment allows one rule, not the findings of others."""
    path = only(write_chain(copy, ['op.drop_column("users", "name")']))
    text = path.read_text("utf-8").replace('op.execute("SELECT 1")', "raise NotImplementedError")
    path.write_text(text + "\n\n# db-lint: allow unreadable: there is no way back\n", "utf-8")
    assert broken_rules(copy) == ["ban-drop-column"]


@light
def test_create_all_is_found(copy: Project) -> None:
    path = copy.folder / "app/main.py"
    text = path.read_text("utf-8")
    path.write_text(text + "\n\n# Never create_all(), make all of it by hand.\n", "utf-8")
    clean(copy)
    code = "\n\nasync def make(engine):\n    await engine.run_sync(Base.metadata.create_all)\n"
    path.write_text(text + code, "utf-8")
    advice = "Create tables in revisions, which fail if they exist."
    assert lint(copy) == [Finding("main.py", "create-all", advice)]
    path.write_text(text + code + "\n\n# db-lint: allow create-all: for a test\n", "utf-8")
    clean(copy)


@light
def test_comment_allows_what_it_gives_a_reason_for(copy: Project) -> None:
    path = only(
        write_chain(copy, ['op.drop_column("users", "name")\nop.rename_table("users", "people")'])
    )
    text = path.read_text("utf-8")

    def with_comment(comment: str) -> list[str]:
        path.write_text(text.replace('"name")', f'"name")  {comment}'), "utf-8")
        return broken_rules(copy)

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
