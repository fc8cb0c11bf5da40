"""`make db-rebase` and the database: a revision that is applied already does not move."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.databases import AWKWARD, Server
from harness.processes import only
from harness.project import FIRST, Project
from harness.rebase import ADA, ADA_TOO, BOB, JOIN, merged, parents, rebase, refusal
from harness.working_copy import add_column, git

pytestmark = pytest.mark.seconds(15)


def test_applied_revision_stays(copy: Project, server: Server, url: str) -> None:
    """What the message proposes for a database of one's own works, word for word."""
    merged(copy)
    add_column(copy, ADA_TOO, "mobile", after=ADA)
    copy.alembic(url, "upgrade", ADA)
    line = refusal(copy)
    message = re.fullmatch(
        rf"(\S+) has {ADA} already\. If only you use it: (make db-rollback rev={FIRST}) first\."
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
    copy.alembic(url, "upgrade", "head")


def test_applied_revision_that_keeps_its_place_is_no_matter(copy: Project, url: str) -> None:
    """Only what comes after a new parent would be missed."""
    merged(copy)
    copy.alembic(url, "upgrade", BOB)
    rebase(copy)
    copy.alembic(url, "upgrade", "head")
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
        server.UNREADABLE: f"{name}: expected format: ",
        "": f"{name}: is ",
    }
    for url, reason in reasons.items():
        done = copy.script("rebase", env={name: url}, code=None)
        line = only(done.stderr.splitlines())
        assert line.startswith(reason)
        assert "s3cret" not in line
        assert not done.stdout
    assert not git(copy, "status", "--porcelain", "migrations")
