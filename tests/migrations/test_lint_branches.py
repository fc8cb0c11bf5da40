"""`make db-lint` reports what a branch adds or changes, compared with the branch to merge into."""

from pathlib import Path

import pytest

from harness.lint import Finding, broken_rules, clean, lint
from harness.processes import only
from harness.project import Project
from harness.working_copy import add_column, commit, git, init_repository, revise

pytestmark = pytest.mark.parametrize("project", ["sqlite"], indirect=True)


def test_only_what_the_branch_adds(copy: Project) -> None:
    """Committed or not; what is on the main branch was seen to when it came there."""
    old, new = "aaaaaaaaaaa1", "bbbbbbbbbbb1"
    revise(copy, old, 'op.drop_column("users", "name")')
    init_repository(copy)
    assert clean(copy) == "new revisions since main: 0, nothing dangerous"
    revise(copy, new, 'op.rename_table("users", "people")', after=old)
    assert broken_rules(copy) == ["renaming-table"]
    git(copy, "switch", "--quiet", "--create", "work")
    commit(copy)
    assert broken_rules(copy) == ["renaming-table"]
    assert clean(copy, "base=work") == "new revisions since work: 0, nothing dangerous"
    assert clean(copy, "base=HEAD") == "new revisions since HEAD: 0, nothing dangerous"
    git(copy, "branch", "--force", "main")
    add_column(copy, "ccccccccccc1", "größe", after=new)
    assert clean(copy) == "new revisions since main: 1, nothing dangerous"


def test_merged_revision_must_not_change(copy: Project) -> None:
    first = add_column(copy, "aaaaaaaaaaa1", "first")
    second = add_column(copy, "bbbbbbbbbbb1", "second", after="aaaaaaaaaaa1")
    init_repository(copy)
    git(copy, "switch", "--quiet", "--create", "work")
    # A later change of the same file on the main branch is not this branch's.
    git(copy, "switch", "--quiet", "main")
    third = add_column(copy, "ccccccccccc1", "third", after="bbbbbbbbbbb1")
    first.write_text(first.read_text("utf-8") + "# theirs\n", "utf-8")
    commit(copy)
    git(copy, "switch", "--quiet", "work")
    assert clean(copy) == "new revisions since main: 0, nothing dangerous"
    text = first.read_text("utf-8")
    first.write_text(text + "# mine\n", "utf-8")
    second.unlink()
    advice = "Changed. Restore it, write a new one."
    changed = Finding(first.name, "merged-revision", advice)
    deleted = Finding(second.name, "merged-revision", advice)
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
        "aaaaaaaaaaa1 and bbbbbbbbbbb1 are heads. `make db-rebase` moves those of this branch to the end."
        " If others have applied one, `alembic merge heads` adds a revision that follows both."
    )
    assert lint(copy) == [Finding("versions", "two-heads", advice)]
    copy.run("alembic", "merge", "heads", "-m", "join")
    clean(copy)


def test_part_of_a_repository(copy: Project, tmp_path: Path) -> None:
    """A project may be a folder among others, each with revisions of its own."""
    whole = Project(tmp_path / "whole", copy.database)
    folder = whole.folder / "services größer/orders"
    folder.parent.mkdir(parents=True)
    copy.folder.rename(folder)
    part = Project(folder, copy.database, copy.migrators)
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
    finding = only(lint(part))
    assert (finding.file, finding.rule) == (first.name, "merged-revision")


def test_repository_of_another_user(copy: Project) -> None:
    """git refuses to read it; its advice is passed on."""
    init_repository(copy)
    environment = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    done = copy.script("lint", env=environment, code=None)
    assert not done.stdout
    assert "dubious ownership" in done.stderr.splitlines()[0]
    assert "git config --global --add safe.directory" in done.stderr
