"""Two colleagues, two heads: what tells them, and `make db-rebase`, which puts it right."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.databases import AWKWARD, Server
from harness.processes import lines_of, only, variables
from harness.project import FIRST, Project
from harness.working_copy import add_column, commit, git, init_repository, without_git

pytestmark = pytest.mark.seconds(35)

ADA, ADA_TOO, BOB, BOB_TOO = "aaaaaaaaaaa1", "aaaaaaaaaaa2", "bbbbbbbbbbb1", "bbbbbbbbbbb2"
JOIN = "`alembic merge heads` adds a revision that follows both."
LINKS = f"only links of a chain can move, after the one head of main: {JOIN}"
NO_BASE = "no base found: name the branch to merge into, for example base=origin/trunk"
ADVICE = (
    f"no revision follows {ADA} or {BOB}: run `make db-rebase`, which puts those of this branch"
    " last; where others have applied one, `alembic merge heads`"
)


def merged(copy: Project, own: str = ADA, theirs: str = BOB) -> Project:
    """Return a project on a branch of its own, into which the main branch was merged."""
    init_repository(copy)
    git(copy, "switch", "--quiet", "--create", "work")
    add_column(copy, own, "phone" if own == ADA else "fax")
    commit(copy)
    git(copy, "switch", "--quiet", "main")
    add_column(copy, theirs, "fax" if own == ADA else "phone")
    commit(copy)
    git(copy, "switch", "--quiet", "work")
    git(copy, "merge", "--quiet", "--no-edit", "main")
    return copy


def rebase(project: Project, *arguments: str) -> list[str]:
    """Return what it says when it ends well."""
    return project.script("rebase", env=variables(arguments)).stdout.splitlines()


def refusal(project: Project, *arguments: str) -> str:
    """Return the one line that it refuses with, having changed nothing."""
    before = git(project, "diff")
    done = project.script("rebase", env=variables(arguments), code=None)
    line = only(done.stderr.splitlines())
    assert git(project, "diff") == before
    return line


def parents(project: Project) -> dict[str, str]:
    texts = (path.read_text("utf-8") for path in project.revisions)
    pattern = r'(?m)^revision.*= "(\w+)"\ndown_revision.*= "?(\w+)"?$'
    return dict(pair for text in texts for pair in re.findall(pattern, text))


def words(server: Server, url: str) -> list[str]:
    """Return the words of the schema; SQLite keeps columns in the order in which they came."""
    return sorted(re.findall(r"\w+", str(server.schema(url))))


def test_two_colleagues(copy: Project, server: Server, url: str, tmp_path: Path) -> None:
    """Each adds a revision; whoever merges second puts theirs last, and all databases agree."""
    second = copy.copy(tmp_path / "second", url)
    merged(copy)
    done = copy.run("pytest", "-k", "one_head", code=None)
    assert f"AssertionError: {ADVICE}\n" in done.stdout
    git(copy, "switch", "--quiet", "main")
    copy.make("db-migrate")
    git(copy, "switch", "--quiet", "work")
    assert rebase(copy) == [f"{ADA} add phone now follows {BOB} add fax"]
    assert parents(copy) == {FIRST: "None", BOB: FIRST, ADA: BOB}
    copy.run("pytest", "-k", "one_head")
    copy.make("lint")
    copy.make("db-lint")
    copy.make("db-migrate")
    assert f"{ADA} (head)" in copy.alembic(url, "current").stdout
    with server.empty_database(tmp_path) as other:
        (second.folder / ".env").write_text(f"DATABASE_URL={other}\n", "utf-8")
        assert rebase(merged(second, BOB, ADA)) == [f"{BOB} add fax now follows {ADA} add phone"]
        second.make("db-migrate")
        assert f"{BOB} (head)" in second.alembic(other, "current").stdout
        assert words(server, other) == words(server, url)
        assert {"phone", "fax"} <= set(words(server, url))


def test_nothing_else_changes(copy: Project) -> None:
    """Whatever the file looks like: other quotes, Windows' line ends, words like those wanted."""
    path = merged(copy).folder / f"migrations/versions/2026_01_02_0000-{ADA}.py"
    text = path.read_text("utf-8").replace(f' = "{FIRST}"', f" = '{FIRST}'  # größer")
    text = text.replace("def upgrade", 'SQL = """\ndown_revision of Revises:\n"""\n\n\ndef upgrade')
    path.write_bytes(text.replace("\n", "\r\n").encode())
    rebase(copy)
    after = text.replace(f"Revises: {FIRST}", f"Revises: {BOB}").replace(f"'{FIRST}'", f'"{BOB}"')
    assert path.read_bytes() == after.replace("\n", "\r\n").encode()
    assert rebase(copy) == [f"nothing to do: {ADA} is the only head"]


def test_chains_come_one_after_the_other(copy: Project) -> None:
    """Each in its order; also those that nobody has committed yet."""
    merged(copy)
    add_column(copy, ADA_TOO, "mobile", after=ADA)
    add_column(copy, "ccccccccccc1", "pager")
    assert rebase(copy) == [
        f"ccccccccccc1 add pager now follows {BOB} add fax",
        f"{ADA} add phone now follows ccccccccccc1 add pager",
    ]
    assert parents(copy) == {FIRST: "None", BOB: FIRST, ADA: "ccccccccccc1", ADA_TOO: ADA} | {
        "ccccccccccc1": BOB
    }
    copy.make("db-migrate")


def test_main_branch_has_to_be_merged_first(copy: Project) -> None:
    """One head here does not mean that there is one."""
    merged(copy)
    git(copy, "reset", "--quiet", "--hard", "HEAD^")
    assert refusal(copy) == "first git merge main"
    git(copy, "merge", "--quiet", "--no-edit", "main")
    git(copy, "switch", "--quiet", "main")
    (copy.folder / "app/notes.py").write_text("", "utf-8")
    commit(copy)
    git(copy, "switch", "--quiet", "work")
    assert rebase(copy) == [f"{ADA} add phone now follows {BOB} add fax"]


def test_only_links_of_a_chain_move(copy: Project) -> None:
    path = merged(copy).folder / f"migrations/versions/2026_01_02_0000-{ADA}.py"
    text = path.read_text("utf-8")
    path.write_text(re.sub(r"(?m)^(depends_on\b.* = )None", rf'\1"{BOB}"', text), "utf-8")
    assert refusal(copy) == LINKS
    path.write_text(text, "utf-8")
    copy.run("alembic", "merge", "heads", "-m", "join")
    assert rebase(copy)[0].startswith("nothing to do: ")
    add_column(copy, BOB_TOO, "mobile", after=BOB)
    assert refusal(copy) == LINKS


def test_label_moves_with_its_revision(copy: Project) -> None:
    path = merged(copy).folder / f"migrations/versions/2026_01_02_0000-{ADA}.py"
    text = path.read_text("utf-8")
    path.write_text(re.sub(r"(?m)^(branch_labels\b.* = )None", r'\1"phones"', text), "utf-8")
    assert rebase(copy) == [f"{ADA} add phone now follows {BOB} add fax"]
    copy.run("alembic", "upgrade", "phones@head")
    assert f"{ADA} (head)" in copy.run("alembic", "current").stdout


def test_unusual_lines_are_left_to_people(copy: Project) -> None:
    path = merged(copy).folder / f"migrations/versions/2026_01_02_0000-{ADA}.py"
    text = path.read_text("utf-8").replace(f' = "{FIRST}"', f' = (\n    "{FIRST}"\n)')
    path.write_text(text, "utf-8")
    assert refusal(copy) == f"{path}: down_revision is not in one line; make it {BOB!r}"


def test_heads_of_the_main_branch_stay(copy: Project) -> None:
    merged(copy)
    git(copy, "switch", "--quiet", "main")
    git(copy, "merge", "--quiet", "work")
    assert refusal(copy) == LINKS
    git(copy, "switch", "--quiet", "--create", "next")
    assert refusal(copy) == LINKS
    copy.run("alembic", "merge", "heads", "-m", "join")
    copy.make("db-migrate")


def test_applied_revision_stays(copy: Project, server: Server, url: str) -> None:
    """What the message proposes for a database of one's own works, word for word."""
    merged(copy)
    add_column(copy, ADA_TOO, "mobile", after=ADA)
    copy.alembic(url, "upgrade", ADA)
    line = refusal(copy)
    message = re.fullmatch(
        rf"(\S+) has {ADA} already\. If you alone use it: (make db-rollback rev={FIRST}) first\."
        r" If others do: (.*)",
        line,
    )
    assert message, line
    shown, rollback, join = message.groups()
    assert server.name(url) in shown
    assert join == JOIN
    copy.run("sh", "-c", rollback)
    assert "phone" not in str(server.schema(url))
    rebase(copy)
    assert parents(copy) == {FIRST: "None", BOB: FIRST, ADA: BOB, ADA_TOO: ADA}
    copy.make("db-migrate")


def test_applied_revision_that_keeps_its_place_is_no_matter(copy: Project, url: str) -> None:
    """Only what comes after a new parent would be missed."""
    merged(copy)
    copy.alembic(url, "upgrade", BOB)
    rebase(copy)
    copy.make("db-migrate")
    assert rebase(copy) == [f"nothing to do: {ADA} is the only head"]


def test_history_is_asked_too(copy: Project, server: Server, url: str) -> None:
    """What came before a revision that has no file here is known from the record only."""
    merged(copy)
    copy.alembic(url, "upgrade", ADA)
    server.query(url, "UPDATE alembic_version SET version_num = 'cccccccccccc'")
    assert f" has {ADA} already. " in refusal(copy)


def test_password_is_not_shown(copy: Project, server: Server, url: str, tmp_path: Path) -> None:
    merged(copy)
    with server.awkward(url, tmp_path) as address:
        copy.alembic(address, "upgrade", ADA)
        (copy.folder / ".env").write_text(f"DATABASE_URL='{address}'\n", "utf-8")
        line = refusal(copy)
    assert f" has {ADA} already. " in line
    assert f":{quote(AWKWARD, safe='')}@" not in line


def test_database_has_to_be_asked(copy: Project, server: Server) -> None:
    name = "DATABASE_URL"
    merged(copy)
    (copy.folder / ".env").unlink()
    reasons = {
        server.UNREACHABLE: "cannot ",
        server.UNREADABLE: f"{name}: has ",
        "": f"{name}: is ",
    }
    for url, reason in reasons.items():
        done = copy.make("db-rebase", env={name: url}, code=2)
        line = only(lines_of(done.stderr))
        assert line.startswith(reason)
        assert "s3cret" not in line
        assert not done.stdout
    assert not git(copy, "status", "--porcelain", "migrations")


def test_branch_to_compare_with(copy: Project) -> None:
    """The one that is named, else origin's own, else a usual one; or a line that says what to do."""
    unknown = "base=nowhere: git has no such branch, or in CI needs fetch-depth: 0"
    begun = "nothing to do: no revision is merged yet"
    line = only(lines_of(copy.make("db-rebase", code=None).stderr))
    assert line == begun
    merged(copy)
    assert refusal(copy, "base=nowhere") == unknown
    line = only(lines_of(copy.make("db-rebase", code=None, env={"PATH": without_git(copy)}).stderr))
    assert line == (
        "no base found: git has no history here; name the newest revision that is merged,"
        f" for example base={FIRST}"
    )
    assert refusal(copy, "base=work") == LINKS.replace("of main", "of work")
    git(copy, "branch", "--move", "main", "trunk")
    assert refusal(copy) == NO_BASE
    assert rebase(copy, "base=trunk") == [f"{ADA} add phone now follows {BOB} add fax"]
