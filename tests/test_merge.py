"""Two colleagues, two heads: what tells them, and `make db-rebase`, which puts it right."""

import re
from pathlib import Path
from urllib.parse import quote

from tests.databases import AWKWARD, Server
from tests.project import FIRST, Project
from tests.repository import add_column, commit, git, start, without_git
from tests.support import said

ADA, ADA_TOO, BOB, BOB_TOO = "aaaaaaaaaaa1", "aaaaaaaaaaa2", "bbbbbbbbbbb1", "bbbbbbbbbbb2"
JOIN = "`alembic merge heads` adds a revision that follows both."
ADVICE = (
    f"{ADA} and {BOB} come last. `make db-rebase` puts those of this branch last."
    f" Where a database that others use has one of them already, {JOIN}"
)


def merged(copy: Project, own: str = ADA, theirs: str = BOB) -> Project:
    """Return a project on a branch of its own, into which the main branch was merged."""
    start(copy)
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
    return project.make("db-rebase", *arguments).stdout.splitlines()


def refusal(project: Project, *arguments: str) -> str:
    """Return the one line that it refuses with, having changed nothing."""
    before = git(project, "diff")
    (line,) = said(project.make("db-rebase", *arguments, code=None).stderr)
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
    """The older first; also those that nobody has committed yet."""
    merged(copy)
    add_column(copy, ADA_TOO, "mobile", after=ADA)
    add_column(copy, "ccccccccccc1", "pager")
    assert rebase(copy) == [
        f"{ADA} add phone now follows {BOB} add fax",
        f"ccccccccccc1 add pager now follows {ADA_TOO} add mobile",
    ]
    assert parents(copy) == {FIRST: "None", BOB: FIRST, ADA: BOB, ADA_TOO: ADA} | {
        "ccccccccccc1": ADA_TOO
    }
    copy.make("db-migrate")


def test_main_branch_has_to_be_merged_first(copy: Project) -> None:
    """One head here does not mean that there is one."""
    merged(copy)
    git(copy, "reset", "--quiet", "--hard", "HEAD^")
    name = f"2026_01_02_0000-{BOB}.py"
    assert refusal(copy) == f"first git merge main, which brings {name}"


def test_only_links_of_a_chain_move(copy: Project) -> None:
    path = merged(copy).folder / f"migrations/versions/2026_01_02_0000-{ADA}.py"
    text = path.read_text("utf-8")
    line = f"{ADA} is more than a link of a chain: {JOIN}"
    for name, value in (("branch_labels", '"phones"'), ("depends_on", f'"{BOB}"')):
        path.write_text(re.sub(rf"(?m)^({name}\b.* = )None", rf"\1{value}", text), "utf-8")
        assert refusal(copy) == line
    path.write_text(text, "utf-8")
    copy.run("alembic", "merge", "heads", "-m", "join")
    assert rebase(copy)[0].startswith("nothing to do: ")
    (join,) = git(copy, "ls-files", "--others", "--exclude-standard").splitlines()
    (revision,) = re.findall(r'(?m)^revision.* = "(\w+)"', (copy.folder / join).read_text("utf-8"))
    add_column(copy, BOB_TOO, "mobile", after=BOB)
    assert refusal(copy) == f"{revision} is more than a link of a chain: {JOIN}"


def test_unusual_lines_are_left_to_people(copy: Project) -> None:
    path = merged(copy).folder / f"migrations/versions/2026_01_02_0000-{ADA}.py"
    text = path.read_text("utf-8").replace(f' = "{FIRST}"', f' = (\n    "{FIRST}"\n)')
    path.write_text(text, "utf-8")
    assert refusal(copy) == f"{path}: its down_revision is not in one line; make it {BOB!r}"


def test_heads_of_the_main_branch_stay(copy: Project) -> None:
    merged(copy)
    git(copy, "switch", "--quiet", "main")
    git(copy, "merge", "--quiet", "work")
    both = f"{ADA} and {BOB} are both on main, where nothing can move: {JOIN}"
    assert refusal(copy) == both
    git(copy, "switch", "--quiet", "--create", "next")
    assert refusal(copy) == both
    copy.run("alembic", "merge", "heads", "-m", "join")
    copy.make("db-migrate")


def test_applied_revision_stays(copy: Project, server: Server, url: str) -> None:
    """What the message proposes for a database of one's own works, word for word."""
    merged(copy)
    add_column(copy, ADA_TOO, "mobile", after=ADA)
    copy.alembic(url, "upgrade", ADA)
    line = refusal(copy)
    message = re.fullmatch(
        rf"(\S+) has {ADA}, which cannot move there\. If you alone use it: (make db-rollback"
        rf" rev={FIRST}), then (make db-rebase) again\. If others do: (.*)",
        line,
    )
    assert message, line
    shown, rollback, again, join = message.groups()
    assert server.name(url) in shown
    assert join == JOIN
    copy.run("sh", "-c", rollback)
    assert "phone" not in str(server.schema(url))
    copy.run("sh", "-c", again)
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
    assert f" has {ADA}, which cannot move there. " in refusal(copy)


def test_password_is_not_shown(copy: Project, server: Server, url: str, tmp_path: Path) -> None:
    merged(copy)
    with server.awkward(url, tmp_path) as address:
        copy.alembic(address, "upgrade", ADA)
        (copy.folder / ".env").write_text(f"DATABASE_URL='{address}'\n", "utf-8")
        line = refusal(copy)
    assert f" has {ADA}, which cannot move there. " in line
    assert f":{quote(AWKWARD, safe='')}@" not in line


def test_database_that_cannot_be_asked_is_mentioned(copy: Project, server: Server) -> None:
    name, moved = "DATABASE_URL", f"{ADA} add phone now follows {BOB} add fax"
    merged(copy)
    (copy.folder / ".env").unlink()
    unasked = "the database could not be asked whether it has these revisions: "
    reasons = {
        server.UNREACHABLE: "cannot ",
        server.UNREADABLE: f"{name}: has ",
        "": f"{name}: is ",
    }
    for url, reason in reasons.items():
        git(copy, "checkout", "--quiet", ".")
        done = copy.make("db-rebase", env={name: url})
        line, last = done.stdout.splitlines()
        assert line.startswith(unasked + reason)
        assert last == moved
        assert "s3cret" not in line


def test_branch_to_compare_with(copy: Project) -> None:
    """The one that is named, else origin's own, else a usual one; or a line that says what to do."""
    nothing = "there is no branch to compare with: name it, make db-rebase base=..."
    unknown = "base=nowhere: git knows no such branch; git fetch brings new ones"
    (line,) = said(copy.make("db-rebase", code=None).stderr)
    assert line == nothing
    merged(copy)
    assert refusal(copy, "base=nowhere") == unknown
    (line,) = said(copy.make("db-rebase", code=None, env={"PATH": without_git(copy)}).stderr)
    assert line == nothing
    assert refusal(copy, "base=work").startswith(f"{ADA} and {BOB} are both on work")
    git(copy, "branch", "--move", "main", "trunk")
    assert refusal(copy) == nothing
    assert rebase(copy, "base=trunk") == [f"{ADA} add phone now follows {BOB} add fax"]
