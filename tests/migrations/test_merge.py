"""`make db-rebase`: the revisions of two branches, which both follow the same one, become linear."""

import re
from pathlib import Path

import pytest

from harness.databases import Server
from harness.processes import lines_of, only
from harness.project import FIRST, Project
from harness.rebase import (
    ADA,
    ADA_TOO,
    BOB,
    BOB_TOO,
    JOIN,
    file_of,
    merged,
    parents,
    rebase,
    refusal,
)
from harness.working_copy import add_column, commit, git, without_git

pytestmark = pytest.mark.seconds(15)

# The order of revisions does not depend on the database: these use the one that costs less.
light = pytest.mark.parametrize("project", ["sqlite"], indirect=True)

LINKS = f"only a linear chain can move, after the one head of main: {JOIN}"
NO_BASE = "no base found: name the branch to merge into, for example base=origin/trunk"
ADVICE = (
    f"there are several heads: {ADA}, {BOB}; run `make db-rebase`, or"
    " `alembic merge heads` if others have applied one"
)


def words(server: Server, url: str) -> list[str]:
    """Return the words of the schema; SQLite keeps columns in the order in which they came."""
    return sorted(re.findall(r"\w+", str(server.schema(url))))


def test_two_colleagues(copy: Project, server: Server, url: str, tmp_path: Path) -> None:
    """Each adds a revision; the second to merge puts theirs last, and all databases agree."""
    second = copy.copy(tmp_path / "second", url)
    merged(copy)
    git(copy, "switch", "--quiet", "main")
    copy.alembic(url, "upgrade", "head")
    git(copy, "switch", "--quiet", "work")
    assert rebase(copy) == [f"{ADA} add phone now follows {BOB} add fax"]
    assert parents(copy) == {FIRST: "None", BOB: FIRST, ADA: BOB}
    copy.run("ruff", "check", "migrations")
    copy.run("ruff", "format", "--check", "migrations")
    copy.script("lint")
    copy.alembic(url, "upgrade", "head")
    assert f"{ADA} (head)" in copy.alembic(url, "current").stdout
    with server.empty_database(tmp_path) as other:
        (second.folder / ".env").write_text(f"DATABASE_URL={other}\n", "utf-8")
        assert rebase(merged(second, BOB, ADA)) == [f"{BOB} add fax now follows {ADA} add phone"]
        second.alembic(other, "upgrade", "head")
        assert f"{BOB} (head)" in second.alembic(other, "current").stdout
        assert words(server, other) == words(server, url)
        assert {"phone", "fax"} <= set(words(server, url))


@light
def test_tests_of_a_service_want_one_head(copy: Project) -> None:
    merged(copy)
    done = copy.run("pytest", "-k", "one_head", code=None)
    assert f"AssertionError: {ADVICE}\n" in done.stdout
    rebase(copy)
    copy.run("pytest", "-k", "one_head")


@light
def test_nothing_else_changes(copy: Project) -> None:
    """Whatever the file looks like: other quotes, Windows' line ends, words like those wanted."""
    path = file_of(merged(copy), ADA)
    text = path.read_text("utf-8").replace(f' = "{FIRST}"', f" = '{FIRST}'  # größer")
    text = text.replace("def upgrade", 'SQL = """\ndown_revision of Revises:\n"""\n\n\ndef upgrade')
    path.write_bytes(text.replace("\n", "\r\n").encode())
    rebase(copy)
    after = text.replace(f"Revises: {FIRST}", f"Revises: {BOB}").replace(f"'{FIRST}'", f'"{BOB}"')
    assert path.read_bytes() == after.replace("\n", "\r\n").encode()
    assert rebase(copy) == [f"nothing to do: {ADA} is the only head"]


@light
def test_chains_come_one_after_the_other(copy: Project, url: str) -> None:
    """Each keeps its order, also one that is not committed yet."""
    merged(copy)
    add_column(copy, ADA_TOO, "mobile", after=ADA)
    add_column(copy, "ccccccccccc1", "pager")
    assert rebase(copy) == [
        f"ccccccccccc1 add pager now follows {BOB} add fax",
        f"{ADA} add phone now follows ccccccccccc1 add pager",
    ]
    assert parents(copy) == {
        FIRST: "None",
        BOB: FIRST,
        "ccccccccccc1": BOB,
        ADA: "ccccccccccc1",
        ADA_TOO: ADA,
    }
    copy.alembic(url, "upgrade", "head")


@light
def test_main_branch_has_to_be_merged_first(copy: Project) -> None:
    """One head on this branch may be two after a merge."""
    merged(copy)
    git(copy, "reset", "--quiet", "--hard", "HEAD^")
    assert refusal(copy) == "this branch is behind its base: run git merge main"
    git(copy, "merge", "--quiet", "--no-edit", "main")
    git(copy, "switch", "--quiet", "main")
    (copy.folder / "app/notes.py").write_text("", "utf-8")
    commit(copy)
    git(copy, "switch", "--quiet", "work")
    assert rebase(copy) == [f"{ADA} add phone now follows {BOB} add fax"]


@light
def test_only_links_of_a_chain_move(copy: Project, url: str) -> None:
    path = file_of(merged(copy), ADA)
    text = path.read_text("utf-8")
    path.write_text(re.sub(r"(?m)^(depends_on\b.* = )None", rf'\1"{BOB}"', text), "utf-8")
    assert refusal(copy) == LINKS
    path.write_text(text, "utf-8")
    copy.alembic(url, "merge", "heads", "-m", "join")
    assert rebase(copy)[0].startswith("nothing to do: ")
    add_column(copy, BOB_TOO, "mobile", after=BOB)
    assert refusal(copy) == LINKS


@light
def test_label_moves_with_its_revision(copy: Project, url: str) -> None:
    path = file_of(merged(copy), ADA)
    text = path.read_text("utf-8")
    path.write_text(re.sub(r"(?m)^(branch_labels\b.* = )None", r'\1"phones"', text), "utf-8")
    assert rebase(copy) == [f"{ADA} add phone now follows {BOB} add fax"]
    copy.alembic(url, "upgrade", "phones@head")
    assert f"{ADA} (head)" in copy.alembic(url, "current").stdout


@light
def test_unusual_lines_are_left_to_people(copy: Project) -> None:
    path = file_of(merged(copy), ADA)
    text = path.read_text("utf-8").replace(f' = "{FIRST}"', f' = (\n    "{FIRST}"\n)')
    path.write_text(text, "utf-8")
    assert refusal(copy) == f"{path}: down_revision is not on one line; set it to {BOB!r}"


@light
def test_heads_of_the_main_branch_stay(copy: Project, url: str) -> None:
    merged(copy)
    git(copy, "switch", "--quiet", "main")
    git(copy, "merge", "--quiet", "work")
    assert refusal(copy) == LINKS
    git(copy, "switch", "--quiet", "--create", "next")
    assert refusal(copy) == LINKS
    copy.alembic(url, "merge", "heads", "-m", "join")
    copy.alembic(url, "upgrade", "head")


@light
def test_branch_to_compare_with(copy: Project) -> None:
    """It is the branch in `base`, else the default branch of origin, else a common name."""
    unknown = "base=nowhere: no such branch or revision; in CI, set fetch-depth: 0"
    begun = "nothing to do: no revision is merged yet"
    line = only(lines_of(copy.make("db-rebase", code=None).stderr))
    assert line == begun
    merged(copy)
    assert refusal(copy, "base=nowhere") == unknown
    line = only(lines_of(copy.make("db-rebase", code=None, env={"PATH": without_git(copy)}).stderr))
    assert line == (
        "no base found: there is no git history; name the newest merged revision,"
        f" for example base={FIRST}"
    )
    assert refusal(copy, "base=work") == LINKS.replace("of main", "of work")
    git(copy, "branch", "--move", "main", "trunk")
    assert refusal(copy) == NO_BASE
    assert rebase(copy, "base=trunk") == [f"{ADA} add phone now follows {BOB} add fax"]
